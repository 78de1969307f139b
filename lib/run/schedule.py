# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of the update's number, so that a resumed run needs no state for it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """schedule(update) -> learning rate; updates count from 1 over the whole training.

    While update < warmup_step the rate is the constant warmup_lr. After that it is lr, multiplied by factor for
    every drop < update. (Deformable-ConvNets, lib/utils/lr_scheduler.py.)
    """

    lr: float
    factor: float
    drops: tuple[int, ...]
    warmup_lr: float = 0.0
    warmup_step: int = 0

    def __call__(self, update: int) -> float:
        if update < self.warmup_step:
            return self.warmup_lr
        return self.lr * self.factor ** bisect_left(self.drops, update)


def schedule(cfg, images: int, batch: int) -> Schedule:
    """The schedule of cfg.TRAIN for `images` per epoch (mirrored copies counted) and `batch` images per update.

    lr_step '40.336' drops after int(40.336 * images / batch) updates. The warm-up applies if TRAIN.warmup is true.
    """
    epochs = [float(part) for part in cfg.TRAIN.lr_step.split(",") if part.strip()]
    return Schedule(
        lr=cfg.TRAIN.lr,
        factor=cfg.run.lr_factor,
        drops=tuple(int(epoch * images / batch) for epoch in epochs),
        warmup_lr=cfg.TRAIN.warmup_lr,
        warmup_step=cfg.TRAIN.warmup_step if cfg.TRAIN.warmup else 0,
    )
