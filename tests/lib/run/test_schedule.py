# SPDX-License-Identifier: Apache-2.0
"""The learning rate by update."""

from __future__ import annotations

from pathlib import Path

import pytest

from deeplab.schema import Config, load
from lib.run.schedule import Schedule, schedule

ORIGINAL = Path(__file__).parents[2] / "deeplab" / "configs"


def test_schedule_of_the_original_cityscapes_training():
    cfg = load(ORIGINAL / "cityscapes_dcn.yaml")
    rate = schedule(cfg, images=2 * 2975, batch=4)
    drop = int(40.336 * 5950 / 4)
    assert rate.drops == (drop,) and drop == 59999
    assert rate(1) == rate(999) == 5e-5
    assert rate(1000) == rate(drop) == 5e-4
    assert rate(drop + 1) == rate(10**6) == pytest.approx(5e-5)


def test_schedule_without_warm_up_and_with_two_drops():
    cfg = Config()
    cfg.TRAIN.lr, cfg.TRAIN.lr_step, cfg.TRAIN.warmup_step, cfg.run.lr_factor = 1.0, "2, 3.5", 5, 0.5
    rate = schedule(cfg, images=10, batch=2)
    assert [rate(update) for update in (1, 10, 11, 17, 18)] == [1, 1, 0.5, 0.5, 0.25]


def test_schedule_does_not_depend_on_what_was_asked_before():
    rate = Schedule(lr=1.0, factor=0.1, drops=(3,), warmup_lr=0.2, warmup_step=2)
    assert [rate(update) for update in (5, 1, 3, 5)] == [pytest.approx(0.1), 0.2, 1.0, pytest.approx(0.1)]


def test_poly_falls_to_nothing_at_the_end_of_the_training():
    cfg = Config()
    cfg.TRAIN.lr, cfg.TRAIN.end_epoch, cfg.run.lr_policy, cfg.run.lr_every = 2.0, 4, "poly", 10
    rate = schedule(cfg, images=107, batch=5)  # 21 updates an epoch
    assert rate(1) == rate(10) == 2.0
    assert rate(11) == rate(20) == pytest.approx(2.0 * (1 - 10 / 84) ** 0.9)
    assert 0 < rate(84) == rate(81) and rate(1000) == 0
    cfg.TRAIN.warmup, cfg.TRAIN.warmup_lr, cfg.TRAIN.warmup_step = True, 0.5, 3
    assert [schedule(cfg, 107, 5)(update) for update in (1, 2, 3)] == [0.5, 0.5, 2.0]


def test_a_warm_up_that_rises_ends_where_the_schedule_begins():
    cfg = Config()
    cfg.TRAIN.lr, cfg.TRAIN.warmup, cfg.TRAIN.warmup_lr, cfg.TRAIN.warmup_step = 1.0, True, 0.2, 4
    assert [schedule(cfg, 10, 2)(update) for update in (1, 2, 3, 4)] == [0.2, 0.2, 0.2, 1.0]
    cfg.TRAIN.warmup_rises = True
    assert [schedule(cfg, 10, 2)(update) for update in (1, 2, 3, 4)] == pytest.approx([0.2, 0.4, 0.6, 1.0])
