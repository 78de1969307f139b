# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of the update's number, so that a resumed run needs no state for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """schedule(update) -> learning rate; updates count from 1 over the whole training.

    While update < warmup_step the rate is `warmup`. After that it is lr, multiplied by factor for every drop < update.
    (Deformable-ConvNets, lib/utils/lr_scheduler.py.)
    """

    lr: float
    factor: float
    drops: tuple[int, ...]
    warmup_lr: float = 0.0
    warmup_step: int = 0
    warmup_rises: bool = False

    def __call__(self, update: int) -> float:
        if update < self.warmup_step:
            return warmup(self, update)
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
    warmup_rises: bool = False

    def __call__(self, update: int) -> float:
        if update < self.warmup_step:
            return warmup(self, update)
        done = (update - 1) // self.every * self.every
        return self.lr * max(0.0, 1 - done / self.total) ** self.power


def warmup(rates: Schedule | Poly, update: int) -> float:
    """The rate before warmup_step: the constant warmup_lr, or what rises evenly from there to lr (FlowNetC)."""
    if not rates.warmup_rises:
        return rates.warmup_lr
    return rates.warmup_lr + (rates.lr - rates.warmup_lr) * (update - 1) / rates.warmup_step


def schedule(cfg, images: int, batch: int) -> Callable[[int], float]:
    """The schedule of cfg.TRAIN for `images` per epoch (mirrored copies counted) and `batch` images per update.

    lr_step '40.336' drops after int(40.336 * images / batch) updates; run.lr_policy 'poly' ends with TRAIN.end_epoch.
    The warm-up applies if TRAIN.warmup is true.
    """
    train = cfg.TRAIN
    begins = {"warmup_lr": train.warmup_lr, "warmup_step": train.warmup_step if train.warmup else 0,
              "warmup_rises": train.warmup_rises}  # fmt: skip
    if cfg.run.lr_policy == "poly":
        return Poly(cfg.TRAIN.lr, cfg.run.lr_power, cfg.TRAIN.end_epoch * (images // batch), cfg.run.lr_every, **begins)
    epochs = [float(part) for part in cfg.TRAIN.lr_step.split(",") if part.strip()]
    drops = tuple(int(epoch * images / batch) for epoch in epochs)
    return Schedule(cfg.TRAIN.lr, cfg.run.lr_factor, drops, **begins)
