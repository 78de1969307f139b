# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of the update's number, so that a resumed run needs no state for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
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


@dataclass(frozen=True)
class Poly:
    """The same, where the rate falls from lr to 0 as (1 - share of the `total` updates that is done)**power, and stays
    the same for `every` updates. (DeepLabV2, Chen et al. 2016.)"""

    lr: float
    power: float
    total: int
    every: int = 1
    warmup_lr: float = 0.0
    warmup_step: int = 0

    def __call__(self, update: int) -> float:
        if update < self.warmup_step:
            return self.warmup_lr
        done = (update - 1) // self.every * self.every
        return self.lr * max(0.0, 1 - done / self.total) ** self.power


def schedule(cfg, images: int, batch: int) -> Callable[[int], float]:
    """The schedule of cfg.TRAIN for `images` per epoch (mirrored copies counted) and `batch` images per update.

    lr_step '40.336' drops after int(40.336 * images / batch) updates; run.lr_policy 'poly' ends with TRAIN.end_epoch.
    The warm-up applies if TRAIN.warmup is true.
    """
    warmup = {"warmup_lr": cfg.TRAIN.warmup_lr, "warmup_step": cfg.TRAIN.warmup_step if cfg.TRAIN.warmup else 0}
    if cfg.run.lr_policy == "poly":
        return Poly(cfg.TRAIN.lr, cfg.run.lr_power, cfg.TRAIN.end_epoch * (images // batch), cfg.run.lr_every, **warmup)
    epochs = [float(part) for part in cfg.TRAIN.lr_step.split(",") if part.strip()]
    drops = tuple(int(epoch * images / batch) for epoch in epochs)
    return Schedule(cfg.TRAIN.lr, cfg.run.lr_factor, drops, **warmup)
