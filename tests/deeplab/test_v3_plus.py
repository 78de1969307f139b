# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ through the commands' functions: trained, taken up, evaluated, looked into, its settings held to it."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from trainings import LOG, config, engine_of, losses, noise, run

pytest.importorskip("torch", reason="PyTorch is not installed")

from deeplab.task import train_network  # noqa: E402
from lib.config import ConfigError  # noqa: E402
from lib.data.images import blur  # noqa: E402
from lib.data.streets.write import Settings, generate  # noqa: E402
from lib.engines.torch.forms import form_of  # noqa: E402
from lib.predictors import predictor  # noqa: E402
from lib.run import checkpoint, folder  # noqa: E402
from lib.system import load_system, named_by  # noqa: E402


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "streets"
    generate(place, Settings(train=4, val=2, height=64, width=96, seed=3))
    return place


def small(streets, out, *more):
    return config("quick_v3plus", f"dataset.dataset_path={streets}", f"output_path={out}", "net.output_stride=8",
                  "TRAIN.end_epoch=3", "net.head_channels=16", *more)  # fmt: skip


def test_it_learns_is_taken_up_bit_for_bit_tested_and_looked_into(streets, tmp_path):
    cfg, system = small(streets, tmp_path, "TRAIN.BLUR=1"), load_system("deeplab")
    whole = run(cfg)
    assert len(losses(whole)) == 6 and np.mean(losses(whole)[-2:]) < np.mean(losses(whole)[:2])
    tests = [line["test"] for line in whole if line["event"] == "epoch"]
    assert len(tests) == 3 and all(0 <= each["Accuracy"] <= 1 and each["loss"] > 0 for each in tests)
    prefix = folder.prefix(cfg)
    last = checkpoint.find(prefix, 3).read_bytes()
    checkpoint.remove_after(prefix, 1)
    again = run(cfg, begin=1)
    assert losses(again) == losses(whole) and checkpoint.find(prefix, 3).read_bytes() == last
    assert [line["test"] for line in again if line["event"] == "epoch"] == tests

    made = predictor(system, cfg)
    result = system.evaluate(cfg, made, tmp_path / "results", False, LOG)
    right = np.trace(result["confusion"]) / np.sum(result["confusion"])
    assert right == pytest.approx(tests[-1]["Accuracy"], abs=1e-6)  # the same pictures, measured in another way
    data = system.dataset(cfg)
    look = system.looker(cfg, made).look(data.image(data.records[0]), "one")
    assert [layer.name for layer in look.layers] == ["backbone.layer4.0.extra"] and look.layers[0].at((3, 4))[0].any()
    still = predictor(system, cfg, zero_offsets=True)
    layers = system.looker(cfg, still).look(data.image(data.records[0]), "one").layers
    assert not layers[0].at((3, 4))[0].any()


def test_forms_share_where_they_begin():
    """A plain, a deformable and a control run of one seed begin with the same values wherever they have the same."""
    begun = {}
    for deform in ("", "extra", "existing", "plain"):
        begun[deform] = engine_of(config("quick_v3plus", f"net.v3plus.deform={deform!r}")).parameters()[0]
    for form, parameters in begun.items():
        assert all((begun["extra"][name] == value).all() for name, value in parameters.items()
                   if name in begun["extra"]), form  # fmt: skip
    assert not begun["extra"]["backbone.layer4.0.extra.conv_offset.weight"].any()
    as_slides = engine_of(config("quick_v3plus", "net.v3plus.offset_start=original")).parameters()[0]
    assert as_slides["backbone.layer4.0.extra.conv_offset.weight"].std() == pytest.approx(1 / 9, rel=0.05)


def test_rates_and_decay():
    cfg = config("quick_v3plus", "net.aspp_lr_mult=10", "net.offset_lr_mult=0.5")
    rules = engine_of(cfg).network.rules
    assert {rule.wd_mult for rule in rules.values()} == {1.0}
    for name, rule in rules.items():
        expected = 10 if not name.startswith("backbone") else 0.5 if "conv_offset" in name else 1
        assert rule.lr_mult == expected, name
        assert (rule.grad_req == "null") == ("running" in name), name
        assert rule.pretrained == (name.startswith("backbone") and "extra" not in name), name


@pytest.mark.parametrize(("depth", "form", "stride"), product((10, 50), ("extra", "existing"), (8, 16, 32)))
def test_the_text_lists_the_layers_as_the_module_has_them(depth, form, stride):
    """Building holds the two together, and the places in the picture follow from the strides."""
    cfg = config("quick_v3plus", f"net.depth={depth}", f"net.v3plus.deform={form}", f"net.output_stride={stride}",
                 "net.v3plus.multi_grid=[1,2,4]")  # fmt: skip
    network = train_network(cfg)
    shapes = form_of(network).shapes({"data": (2, 3, 128, 192)})
    listed = cfg.net.v3plus.looking(cfg.net)
    assert len(listed) == (1 if depth == 10 else 3)
    for each in listed:
        assert shapes[f"{each['name']}_input"][2:] == (128 // each["scale"], 192 // each["scale"])


def test_blur_is_drawn_for_every_second_picture_and_changes_nothing_else(streets, tmp_path):
    from deeplab.batches import Batches
    from deeplab.data import load_dataset

    cfg = small(streets, tmp_path)
    data = load_dataset(cfg, cfg.dataset.image_set)
    plans = []
    for cfg.TRAIN.BLUR in (0.0, 2.0):
        plans.append(
            [sample for batch in (b for e in range(40) for b in Batches(data, cfg).plan(e)) for sample in batch]
        )
    blurs = np.array([sample.blur for sample in plans[1]])
    assert not any(sample.blur for sample in plans[0]) and blurs.max() <= 2
    assert 0.4 < (blurs == 0).mean() < 0.6 and blurs[blurs > 0].mean() == pytest.approx(1, abs=0.2)
    assert [(s.index, s.down, s.zoom) for s in plans[0]] == [(s.index, s.down, s.zoom) for s in plans[1]]
    picture = np.zeros((9, 9, 3), np.uint8)
    picture[4, 4] = 255
    assert blur(picture, 0.0) is picture and 0 < blur(picture, 1.0)[4, 5, 0] < blur(picture, 1.0)[4, 4, 0] < 255


def test_an_update_computes_on_a_batch_of_noise_in_bfloat16():
    engine = engine_of(config("quick_v3plus", "run.precision=bfloat16"))
    (found,) = engine.update(noise(engine), 0.01)
    assert found["probability_output"].shape == (2, 64, 96) and np.isfinite(found["probability_output"]).all()


@pytest.mark.parametrize(("setting", "message"), [
    ("engine=mxnet", "engine: deeplab_v3_plus is a torch module, which PyTorch alone runs, expected torch, got mxnet"),
    ("net.scales=[1,0.5]", "net.scales: deeplab_v3_plus has nothing of the kind, expected [], got [1.0, 0.5]"),
    ("net.res5_dilate=4", "net.res5_dilate: deeplab_v3_plus has nothing of the kind, expected 2, got 4"),
    ("faults.undeformed_weight_gradient=true", "faults.undeformed_weight_gradient: deeplab_v3_plus has nothing"),
    ("net.v3plus.deform=both", "net.v3plus.deform: expected one of '', 'extra', 'existing', 'plain', got 'both'"),
    ("net.v3plus.multi_grid=[0]", "net.v3plus.multi_grid: expected factors from 1 on"),
    ("network.FIXED_PARAMS=[gamma]", "network.FIXED_PARAMS: holds other networks' names"),
    ("TRAIN.BLUR=-1", "TRAIN.BLUR: expected at least 0"),
])  # fmt: skip
def test_a_wrong_setting_is_named(setting, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        config("quick_v3plus", setting)


def test_batches_of_one_picture_cannot_be_normalised_by_their_own_statistics(streets, tmp_path):
    with pytest.raises(ConfigError, match="TRAIN.BATCH_IMAGES: deeplab_v3_plus normalises .* at least 2 .*, got 1"):
        run(small(streets, tmp_path, "TRAIN.BATCH_IMAGES=1"))
    assert len(losses(run(small(streets, tmp_path, "TRAIN.BATCH_IMAGES=1", "net.train_bn=false", "TRAIN.lr=0.001",
                                "TRAIN.end_epoch=1")))) == 4  # fmt: skip


def test_other_networks_are_not_tested_after_every_epoch():
    with pytest.raises(ConfigError, match="TEST.each_epoch: only deeplab_v3_plus"):
        config("quick_base", "TEST.each_epoch=true")
    assert named_by("deeplab_v3_plus") == "deeplab"


def test_rules_without_an_engine_are_refused():
    with pytest.raises(ValueError, match="only an engine that has built it knows"):
        load_system("deeplab").rules(config("quick_v3plus"))
