# SPDX-License-Identifier: Apache-2.0
"""Same means same: in float64, from one start and the same batches, both engines have the same losses."""

from __future__ import annotations

import logging

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed here")

from small_runs import CONFIGS

from deeplab import schema
from deeplab.task import training
from lib.commands.training import train
from lib.data.streets.write import Settings, generate
from lib.engines import open_engine
from lib.run import checkpoint, folder, params
from lib.run.metrics import read_metrics

LOG = logging.getLogger("test")
# 13 images, mirrored too, 2 at a time: 13 updates an epoch.
SMALL = ["SCALES=[64,96]", "net.depth=10", "net.width=4", "net.head_channels=8", "TRAIN.BATCH_IMAGES=2",
         "TRAIN.warmup_step=4", "TRAIN.lr_step=2.5", "TRAIN.end_epoch=4"]  # fmt: skip
NETWORKS = {
    "plain": ["quick_plain"],
    "dcn": ["quick_dcn"],
    "modulated": ["quick_modulated"],
    "acn normalized": ["quick_acn"],
    "acn naive": ["quick_acn_naive"],
    "acn warm-up": ["quick_acn_warmup", "run.offset_warmup_epochs=2"],
}
RARER = {
    "acn carried": ["quick_acn_naive", "faults.carried_offset_gradient=true", "net.offset_lr_rate=0.01"],
    "acn carried and normalized": ["quick_acn", "faults.carried_offset_gradient=true"],
    "dcn undeformed": ["quick_dcn", "faults.undeformed_weight_gradient=true"],
    "acn bounded, sets over the filters": ["quick_acn", "net.offset_bound=1", "net.num_offset_group=2"],
    "dcn bounded, sets over the channels": ["quick_dcn", "net.offset_bound=1.5", "net.num_deformable_group=2"],
    "frozen": ["quick_dcn", "network.FIXED_PARAMS=[conv1,bn_conv1,res2,bn2,gamma,beta]", "net.offset_lr_mult=0.5"],
}


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=13, val=1, height=64, width=96, seed=3))
    return place


def settings(streets, out, engine, name, *more):
    places = [f"dataset.dataset_path={streets}", f"output_path={out}", f"engine={engine}", f"run.name={engine}"]
    return schema.load(CONFIGS / f"{name}.yaml", [*SMALL, *places, *more])


def run(cfg, begin=0):
    """Losses of all updates so far."""
    folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
    with open_engine(cfg, training=True) as engine:
        facts = {"config": {}, "threads": 1, "engine": cfg.engine}
        train(cfg, training(cfg, engine.place), engine, begin, facts, LOG)
    lines = read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")
    return np.array([line["loss"] for line in lines if line["event"] == "update"])


def trained(cfg, epoch):
    arg, aux = params.load(checkpoint.find(folder.prefix(cfg), epoch))
    return {**arg, **aux}, checkpoint.read_momentum(folder.prefix(cfg), epoch)


@pytest.mark.parametrize("network", [*NETWORKS, *RARER])
def test_losses_agree_in_float64(streets, tmp_path, network):
    """Of fifty updates; of rarer settings of half as many."""
    name, *more = {**NETWORKS, **RARER}[network]
    epochs = 4 if network in NETWORKS else 2
    more += ["run.precision=float64", f"TRAIN.end_epoch={epochs}", f"TRAIN.lr_step={0.6 * epochs}"]
    cfgs = [settings(streets, tmp_path, engine, name, *more) for engine in ("mxnet", "torch")]
    mxnet, torch = map(run, cfgs)
    assert len(mxnet) == len(torch) == 13 * epochs
    np.testing.assert_allclose(torch, mxnet, rtol=1e-10)
    (first, momentum), (second, other) = (trained(cfg, epochs) for cfg in cfgs)
    assert first.keys() == second.keys() and momentum.keys() == other.keys() and momentum
    for ours, theirs in ((first, second), (momentum, other)):
        for key, value in ours.items():
            np.testing.assert_allclose(
                theirs[key], value, rtol=1e-7, atol=1e-9 * (1 + np.abs(value).max()), err_msg=key
            )


@pytest.mark.parametrize("name", ["quick_acn", "quick_dcn"])
def test_first_losses_agree_in_float32(streets, tmp_path, name):
    mxnet, torch = (
        run(settings(streets, tmp_path, engine, name, "TRAIN.end_epoch=1")) for engine in ("mxnet", "torch")
    )
    np.testing.assert_allclose(torch[0], mxnet[0], rtol=1e-5)
    np.testing.assert_allclose(torch[:8], mxnet[:8], rtol=1e-3)


@pytest.mark.parametrize("order", [("mxnet", "torch"), ("torch", "mxnet")])
def test_a_run_begun_by_one_engine_goes_on_in_the_other(streets, tmp_path, order):
    first, second = order
    whole = settings(streets, tmp_path / "whole", first, "quick_acn", "run.precision=float64")
    expected = run(whole)
    parts = settings(streets, tmp_path / "parts", first, "quick_acn", "run.precision=float64", "TRAIN.end_epoch=2")
    run(parts)
    parts.engine, parts.TRAIN.end_epoch = second, 4
    np.testing.assert_allclose(run(parts, begin=2), expected, rtol=1e-10)


def test_bfloat16_trains_near_float32(streets, tmp_path):
    plain = run(settings(streets, tmp_path, "torch", "quick_dcn", "TRAIN.end_epoch=2"))
    low = run(settings(streets, tmp_path / "low", "torch", "quick_dcn", "TRAIN.end_epoch=2", "run.precision=bfloat16"))
    assert not np.array_equal(low, plain)
    np.testing.assert_allclose(low[0], plain[0], rtol=0.02)
    assert low[-6:].mean() < 0.9 * low[:6].mean()


def test_two_parts_of_a_batch_have_their_own_statistics_as_in_mxnet(streets, tmp_path):
    more = ["run.precision=float64", "run.cpus=2", "TRAIN.BATCH_IMAGES=1", "TRAIN.end_epoch=1"]
    mxnet, torch = (run(settings(streets, tmp_path, engine, "quick_acn", *more)) for engine in ("mxnet", "torch"))
    np.testing.assert_allclose(torch, mxnet, rtol=1e-10)
