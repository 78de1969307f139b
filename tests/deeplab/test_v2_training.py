# SPDX-License-Identifier: Apache-2.0
"""DeepLabV2 trained small: engines agree, updates of several batches, the falling rate, a run that is taken up."""

from __future__ import annotations

import re
from importlib.util import find_spec

import numpy as np
import pytest
from trainings import ENGINES, LOG, config, engine_of, losses, noise, run

from deeplab.evaluate import STAMP
from lib.config import ConfigError
from lib.crf import refine
from lib.data import images
from lib.data.streets.voc import generate_voc
from lib.data.streets.write import Settings
from lib.data.voc import PascalVOC
from lib.predictors import predictor
from lib.run import checkpoint, folder
from lib.system import load_system

pytest.importorskip("mxnet", reason="MXNet builds the graphs")
# 12 pictures, 2 at a time, 2 batches an update: 3 updates an epoch.
SMALL = ["net.width=4", "net.depth=10", "TRAIN.BATCH_IMAGES=2", "TRAIN.lr=0.01", "TRAIN.warmup=false",
         "TRAIN.CROP_HEIGHT=33", "TRAIN.CROP_WIDTH=49", "TRAIN.ENABLE_CROP=true", "TRAIN.CROP_PAD=true",
         "TRAIN.ZOOMS=[0.5,1,1.5]", "run.precision=float64", "run.lr_every=2"]  # fmt: skip
SIZES = ("num_filter=3", "channels=6", "hidden=5", "samples=3", "sample_stride=2", "post=6")
FILTERS = ["symbol=resnet_v1_101_deeplab_v2_lsdfn", "net.depth=18", "TRAIN.lr=0.002", "net.scales=[1,0.5]",
           *(f"net.lsdfn.{size}" for size in SIZES)]  # fmt: skip


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate_voc(place, Settings(train=12, val=1, height=64, width=96, seed=3))
    return place


def small(streets, out, *more):
    places = ["dataset.streets.train=0", f"dataset.dataset_path={streets}", f"output_path={out}"]
    return config("quick_v2", *SMALL, *places, *more)


@pytest.mark.parametrize("network", ["v2", "lsdfn", "control"])
def test_both_engines_agree_over_20_updates(streets, tmp_path, network):
    pytest.importorskip("torch", reason="PyTorch is not installed here")
    more = ["TRAIN.end_epoch=7", *(FILTERS if network != "v2" else [])]
    more += ["symbol=resnet_v1_101_deeplab_v2_control"] if network == "control" else []
    mxnet, torch = (run(small(streets, tmp_path / each, *more, f"engine={each}")) for each in ("mxnet", "torch"))
    first, second = np.array(losses(mxnet)), np.array(losses(torch))
    assert len(first) == 21 and first[-3:].mean() < first[:3].mean()
    np.testing.assert_allclose(second, first, rtol=0, atol=1e-9)


def test_a_run_that_is_taken_up_is_the_unbroken_one(streets, tmp_path):
    """The rate falls to the same end, and an update is whole before a checkpoint is written."""
    cfg = small(streets, tmp_path, "TRAIN.end_epoch=2", "net.train_bn=true")
    whole = run(cfg)
    rates = [line["lr"] for line in whole if line["event"] == "update"]
    np.testing.assert_allclose(rates, [0.01 * (1 - done / 6) ** 0.9 for done in (0, 0, 2, 2, 4, 4)], rtol=1e-12)
    prefix = folder.prefix(cfg)
    last = checkpoint.find(prefix, 2).read_bytes()
    checkpoint.remove_after(prefix, 1)
    assert losses(run(cfg, begin=1)) == losses(whole) and len(losses(whole)) == 6
    assert checkpoint.find(prefix, 2).read_bytes() == last


def test_another_end_is_another_training_where_the_rate_falls_to_it(streets, tmp_path):
    cfg = small(streets, tmp_path, "TRAIN.end_epoch=1")
    cfg.TRAIN.end_epoch = 9
    assert "TRAIN.end_epoch" in folder.settings_that_matter(cfg)
    cfg.run.lr_policy = "step"
    assert "TRAIN.end_epoch" not in folder.settings_that_matter(cfg)


def test_the_loss_is_the_sum_of_four(streets, tmp_path):
    (line,) = run(small(streets, tmp_path, "TRAIN.end_epoch=1", "run.iter_size=6"))[:1]
    parts = [line[f"FCNLogLoss{of}"] for of in ("", "_scale100", "_scale075", "_scale050")]
    assert line["event"] == "update" and line["loss"] == pytest.approx(sum(parts)) and len(set(parts)) == 4


@pytest.mark.parametrize("name", ENGINES)
def test_an_update_of_two_batches_is_one_of_both_together(name):
    """Where every pixel counts and statistics stand still: the gradient is the mean of theirs."""
    cfg = config("quick_dcn", "run.precision=float64", "net.train_bn=false", "TRAIN.momentum=0.9", f"engine={name}")
    after = []
    for together in (True, False):
        engine = engine_of(cfg)
        batches = [noise(engine, seed) for seed in (1, 2)]
        whole = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
        for rate in (0.02, 0.01):
            out = engine.update(whole, rate) if together else engine.update(batches[0], rate, batches[1])
        assert [len(each["probability_output"]) for each in out] == ([4] if together else [2, 2])
        engine.update(batches[0], 0.01)  # and one batch afterwards counts as one
        after.append(engine.parameters()[0])
    for key, value in after[0].items():
        np.testing.assert_allclose(after[1][key], value, rtol=0, atol=1e-9 * max(1, np.abs(value).max()), err_msg=key)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("net.scales=[0.5,1]", "net.scales: expected 1 and then scales between 0 and 1, such as"),
        ("net.scales=[1,0.75,0.751]", "net.scales: expected scales that differ by 0.01 at least"),
        ("net.aspp_rates=[]", "net.aspp_rates: expected dilations from 1 on"),
        ("net.lsdfn.samples=0", "net.lsdfn.samples: expected at least 1, got 0"),
        ("net.lsdfn.fusion=max", "net.lsdfn.fusion: expected one of 'sum', 'mean', got 'max'"),
        ("net.lsdfn.sample_strides=3", "unknown key net.lsdfn.sample_strides; did you mean net.lsdfn.sample_stride?"),
        ("TRAIN.lr_step='4'", "TRAIN.lr_step: run.lr_policy 'poly' has no steps, expected '', got '4'"),
        ("run.lr_policy=cosine", "run.lr_policy: expected one of 'step', 'poly', got 'cosine'"),
        ("run.iter_size=0", "run.iter_size: expected at least 1, got 0"),
        ("faults.carried_offset_gradient=true", "run.iter_size: gradients that are carried need updates of one batch"),
        ("TRAIN.ZOOMS=[1,-2]", "TRAIN.ZOOMS: expected factors above 0 and TRAIN.ENABLE_CROP"),
        ("TRAIN.ENABLE_CROP=false", "TRAIN.CROP_PAD: fills up to the crop, expected TRAIN.ENABLE_CROP true"),
    ],
)
def test_a_wrong_setting_is_named(setting, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        config("quick_v2", setting)


def test_a_dense_crf_stands_behind_the_network_where_it_is_asked_for(streets, tmp_path):
    """It sees the picture's colours and the network's probabilities; what it made is not taken for the network's."""
    cfg = small(streets, tmp_path, "TRAIN.end_epoch=1", "net.train_bn=true", "TEST.crf.iterations=4")
    run(cfg)
    system, data = load_system("deeplab"), PascalVOC(streets, "2012_val")
    if find_spec("pydensecrf") is None:
        with pytest.raises(ImportError, match="setup.sh crf"):
            predictor(system, cfg)
        pytest.skip("pydensecrf2 is not installed: scripts/setup.sh crf")
    made, image = predictor(system, cfg), data.image(data.records[0])
    tensor = images.to_tensor(image, cfg)
    assert np.array_equal(images.from_tensor(tensor, cfg), image)
    probability = made.engine.compute({"data": tensor[None]}, ["softmax_output"])["softmax_output"][0]
    expected = refine(probability, image, cfg.TEST.crf)
    assert np.abs(expected - probability).max() > 0.02
    assert np.array_equal(made.train_ids(tensor[None])[0], expected.argmax(0))
    stamps = []
    for cfg.TEST.crf.iterations in (4, 0):
        system.evaluate(cfg, made, tmp_path / "results", False, LOG)
        stamps.append((tmp_path / "results" / STAMP).read_text())
    assert stamps[0] != stamps[1]  # predicted anew


def test_a_trained_network_is_tested_at_any_size_alike_in_both_engines(streets, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed here")
    cfg = small(streets, tmp_path, "TRAIN.end_epoch=1", "net.train_bn=true")
    run(cfg)
    system, picture, seen = load_system("deeplab"), PascalVOC(streets, "2012_val"), []
    for cfg.engine in ("mxnet", "torch"):
        made = predictor(system, cfg)
        found = system.evaluate(cfg, made, tmp_path / cfg.engine, False, LOG)
        seen.append((found["confusion"], made.picture(picture.image(picture.records[0])[:50, :70])))
        thin = np.zeros((1, 300, 3), np.uint8)
        with pytest.raises(ValueError, match="net.scales: 0.5 of 1 x 96 pixels"):
            made.picture(thin)
        with pytest.raises(ValueError, match="net.scales: 0.5 of 1 x 96 pixels"):
            system.looker(cfg, made).look(thin, "thin")
    assert seen[0][0] == seen[1][0] and np.sum(seen[0][0]) > 4000
    assert seen[0][1].shape == (50, 70) and np.mean(seen[0][1] == seen[1][1]) > 0.999
