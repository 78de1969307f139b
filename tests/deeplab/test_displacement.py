# SPDX-License-Identifier: Apache-2.0
"""Acceptance by physics: normalized gradients bound how far an offset can go, in the report's runs and in ours."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from trainings import run

from deeplab.schema import load
from deeplab.task import train_network
from experiments.ledger.book import longest, read_book
from lib.looking.displacement import displacement_bound
from lib.looking.layers import looking_layers
from lib.looking.watchers import bound_of
from lib.run import checkpoint, folder
from lib.run.schedule import schedule
from lib.run.task import Place

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "experiments" / "deeplab" / "cfgs" / "report"
IMAGES = 2 * 2975  # Cityscapes' training pictures, each a second time, mirrored
NORMALIZED = ["acn_lr1", "acn_lr0.1", "acn_lr0.05", "acn_lr0.01", "acn_lr0.05_warmup"]


def bound(cfg, images, epochs=None) -> float:
    """What no offset of this training can exceed after so many epochs (None: all), in pixels."""
    place = Place(devices=len(cfg.gpus.split(",")))
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    engine = SimpleNamespace(network=train_network(cfg), place=place)
    told = bound_of(engine, cfg, schedule(cfg, images, batch), images // batch)
    return told(cfg.TRAIN.end_epoch if epochs is None else epochs)


@pytest.mark.parametrize(("line", "overrides", "per_rate"), [
    ("acn_lr1", [], 1220),
    ("acn_lr0.05", [], 1220),
    ("acn_lr1", ["gpus='0'"], 1233),
    ("acn_lr0.05_warmup", [], 642),
])  # fmt: skip
def test_bound_of_the_report_is_what_its_schedule_adds_up_to(line, overrides, per_rate):
    cfg = load(REPORT / f"{line}.yaml", overrides)
    assert bound(cfg, IMAGES) / cfg.net.offset_lr_rate == pytest.approx(per_rate, abs=1)


@pytest.mark.parametrize("line", NORMALIZED)
def test_printed_offsets_keep_the_bound(line):
    """And come near it at times, so that it is the right one: the run with rate 0.1 reaches 99 percent."""
    length, most = longest(read_book("deeplab").offsets[line]), bound(load(REPORT / f"{line}.yaml"), IMAGES)
    assert 0.7 * most < length <= most


def test_bound_needs_normalized_gradients():
    cfg = load(REPORT / "acn_naive.yaml")
    layers = looking_layers(train_network(cfg).graph)
    with pytest.raises(ValueError, match="net.normalize_grad: false"):
        displacement_bound(layers, lambda update: 0.1, range(1, 3), 0.9)
    with pytest.raises(ValueError, match="TRAIN.momentum: expected less than 1, got 1"):
        displacement_bound([replace(layer, normalize_grad=True) for layer in layers], lambda update: 1, [1], 1.0)
    assert bound_of(SimpleNamespace(network=train_network(cfg)), cfg, lambda update: 0.1, 10) is None


def test_bound_counts_momentum_devices_multiplier_and_warmup():
    cfg = load(REPORT / "acn_lr1.yaml", ["gpus=''", "TRAIN.warmup=false", "TRAIN.lr=0.5", "TRAIN.end_epoch=3",
                                         "TRAIN.lr_step='2'", "TRAIN.BATCH_IMAGES=5"])  # fmt: skip
    assert bound(cfg, 10) == pytest.approx(10 * (4 * 0.5 + 2 * 0.05))
    assert bound(cfg, 10, epochs=1) == pytest.approx(10 * 2 * 0.5)
    cfg.run.offset_warmup_epochs, cfg.net.offset_lr_mult = 2, 3.0
    assert bound(cfg, 10) == pytest.approx(3 * 10 * 2 * 0.05)
    assert bound(cfg, 10, epochs=2) == 0
    cfg.TRAIN.momentum, cfg.gpus = 0.0, "0,1"
    cfg.TRAIN = replace(cfg.TRAIN, BATCH_IMAGES=1)
    assert bound(cfg, 10) == pytest.approx(2 * 3 * 5 * 0.05)


def test_our_own_run_keeps_the_bound_at_every_checkpoint_and_holds_offsets_at_exactly_zero(tmp_path):
    places = [f"dataset.dataset_path={tmp_path}/streets", f"output_path={tmp_path}/output"]
    small = ["dataset.streets.train=8", "dataset.streets.val=1", "net.width=4", "net.head_channels=8",
             "TRAIN.end_epoch=5", "TRAIN.lr_step='4'", "run.offset_warmup_epochs=2"]  # fmt: skip
    cfg = load(REPORT / "acn_lr1.yaml", ["OVER=standin.yaml", *places, *small])
    prefix = folder.prefix(cfg)
    lines = run(cfg)
    told = [line for line in lines if line["event"] == "epoch"]
    lengths, bounds = [], []
    for epoch in range(1, 6):
        offsets = checkpoint.read_offsets(prefix, epoch)
        assert set(offsets) == {"res5a_branch2b_offset"}
        lengths.append(max(np.hypot(*np.moveaxis(each, -1, 0)).max() for each in offsets.values()))
        bounds.append(bound(cfg, images=16, epochs=epoch))
        if epoch <= 2:
            assert not any(each.any() for each in offsets.values())
    assert lengths[:2] == [0, 0] and bounds[:2] == [0, 0]
    assert all(0.05 < length <= bound * (1 + 1e-5) for length, bound in zip(lengths[2:], bounds[2:]))
    assert [line["displacement_bound"] for line in told] == bounds and math.isclose(
        told[-1]["offsets"]["res5a_branch2b_offset"]["max"], lengths[-1], rel_tol=1e-6
    )
