# SPDX-License-Identifier: Apache-2.0
"""The networks: sizes, names, rules, and that both engines compute the same."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from configured import CONFIGS, ENGINES, ROOT, config, engine_of, noise

from classify.rules import rules_of
from classify.symbols import get_symbol, names
from lib.config import ConfigError
from lib.looking.layers import looking_layers

SIZES = {
    "quick_digits": 262_876,
    "scaled/plain": 390_890,
    "scaled/dcn_4": 411_644,
    "scaled/dcn_34": 422_030,
    "scaled/v2_4": 422_021,
    "scaled/v2_34": 437_600,
    "scaled/active_4": 390_890 + 18,
    "scaled/active_34": 390_890 + 36,
    "cifar/plain_c": 855_162,
    "cifar/plain_c_active": 855_162 + 6 * 18 + 2,
    "cifar/plain_c_100": 855_162 + 90 * 1001,
}
AUTHORS = ROOT.parent / "shared/data/acu_cifar10"


def shapes(cfg, is_train=True) -> dict[str, tuple]:
    from classify.data import picture_size

    symbol = get_symbol(cfg, is_train)
    more = {"label": (2,)} if is_train else {}
    found, _, states = symbol.infer_shape(data=(2, *picture_size(cfg)), **more)
    named = dict(zip(symbol.list_arguments(), found))
    return {name: each for name, each in named.items() if name not in ("data", "label")}


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_the_published_numbers_of_parameters(name):
    assert sum(prod(each) for each in shapes(config(name)).values()) == SIZES[name]


def test_the_resnet_symbol_counts_as_the_torch_module_does():
    """Its offset convolutions have a bias, 18 numbers in each of the two units."""
    base = ["dataset.zoom.train=[]", "dataset.zoom.test=[]", "dataset.dataset=cifar10", "net.depth=18", "net.width=64",
            "network.PIXEL_MEANS=[0,0,0]", "net.pixel_stds=[1,1,1]"]  # fmt: skip
    expected = {"plain": 11_176_512, "extra": 16_060_992 + 36, "control": 15_895_104, "existing": 11_342_400 + 36}
    for name, count in expected.items():
        found = sum(prod(each) for each in shapes(config(f"zoom/{name}", *base)).values())
        assert found - 10 * 513 == count, name


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_shipped_configuration_is_a_network_whose_parameters_have_rules(path):
    if path.name == "tenth.yaml":
        cfg = config("scaled/v2_34", "OVER=tenth.yaml", "run.seed=3")
        assert (cfg.dataset.train_images, cfg.dataset.zoom.seed, cfg.output_path) == (6000, 3, "./output/tenth/seed3")
        return
    if path.name == "small.yaml":
        assert config("zoom/extra", "OVER=small.yaml", "run.seed=3").output_path == "./output/zoom/seed3"
        return
    cfg = config(str(path.relative_to(CONFIGS).with_suffix("")))
    assert cfg.symbol in names()
    rules = rules_of(cfg, get_symbol(cfg).tojson())
    assert all(rules[name].grad_req == "write" for name in shapes(cfg))
    header = path.read_text().split("\n")[0:8]
    assert any("Hardware:" in line or "Not a row of its own" in line for line in header), header


def test_what_makes_offsets_and_masks_begins_and_learns_as_the_configuration_says():
    cfg = config("scaled/v2_34", "net.offset_lr_mult=0.5")
    rules = rules_of(cfg, get_symbol(cfg).tojson())
    assert (rules["conv3_mask_weight"].init, rules["conv3_mask_bias"].init) == ("half", "zeros")
    assert {rules[f"conv4_{part}_{kind}"].lr_mult for part in ("offset", "mask") for kind in ("weight", "bias")} == {
        0.5
    }
    assert (rules["conv1_weight"].init, rules["conv1_weight"].lr_mult) == ("uniform", 1.0)
    cfg = config("cifar/plain_c_active")
    rules = rules_of(cfg, get_symbol(cfg).tojson())
    assert rules["conv3_1/2_offset"].lr_mult == 0.01 and rules["conv3_1/2_offset"].wd_mult == 0.0
    layers = looking_layers(get_symbol(cfg).tojson())
    assert len(layers) == 7 and all(layer.normalize_grad for layer in layers)


def test_wrong_networks_are_told():
    with pytest.raises(ValueError, match="no network 'digits_slide' in classify/symbols; did you mean 'digits_slides'"):
        get_symbol(config("quick_digits", "symbol=digits_slide"))
    with pytest.raises(ValueError, match="net.kind: plain_c is plain or active, got 'deformable'"):
        get_symbol(config("cifar/plain_c", "net.kind=deformable"))


@pytest.mark.parametrize(
    "settings, text",
    [
        (["dataset.dataset=mist"], "dataset.dataset: expected one of"),
        (["net.kind=active2"], "net.kind"),
        (["dataset.zoom.train=[1.5,0.5]"], r"dataset.zoom.train: expected two factors, 0 < low <= high.*\[1.5, 0.5\]"),
        (["dataset.zoom.train=[0.5,1.5]"], "train and test must both have factors"),
        (["dataset.dataset=cifar10"], "network.PIXEL_MEANS: cifar10 has 3 channels, got 1 numbers"),
        (["net.pixel_stds=[0]"], "net.pixel_stds: expected numbers above 0"),
        (["TRAIN.FLIP=true"], "TRAIN.MIRROR"),
    ],
)
def test_wrong_settings_of_classifiers_are_named(settings, text):
    with pytest.raises(ConfigError, match=text):
        config("quick_digits", *settings)


@pytest.mark.skipif(len(ENGINES) < 2, reason="only one framework is installed")
@pytest.mark.parametrize(
    "name", ["quick_digits", "scaled/v2_34", "scaled/active_34", "cifar/plain_c_active", "zoom/extra"]
)
def test_both_engines_take_the_same_steps(name):
    small = ["run.precision=float64", "run.threads=1", "TRAIN.BATCH_IMAGES=3"]
    losses, after = {}, {}
    for which in ENGINES:
        cfg = config(name, *small, f"engine={which}")
        engine = engine_of(cfg)
        batch = noise(engine, cfg.dataset.NUM_CLASSES)
        labels = batch["label"].astype(int)
        outputs = [engine.update(batch, 0.05)[0]["softmax_output"] for _ in range(3)]
        losses[which] = [-np.log(each[np.arange(3), labels]).mean() for each in outputs]
        after[which] = engine.parameters()[0]
    assert losses["mxnet"][0] > losses["mxnet"][-1]
    np.testing.assert_allclose(losses["torch"], losses["mxnet"], rtol=1e-9)
    moved = [n for n, value in after["mxnet"].items() if "offset" in n and value.any()]
    assert moved
    for key, value in after["mxnet"].items():
        np.testing.assert_allclose(after["torch"][key], value, rtol=1e-7, atol=1e-10, err_msg=key)


@pytest.mark.skipif(
    not (AUTHORS / "plain_deploy.prototxt").is_file(), reason=f"the authors' models are not in {AUTHORS}"
)
def test_an_imported_network_of_the_authors_predicts_the_same_and_goes_on_training(tmp_path):
    import logging

    from classify.task import training
    from lib.data import cifar
    from lib.run.task import Place
    from lib.weights.caffe.build import build, export, run
    from lib.weights.caffe.read import read

    built = build(read(AUTHORS / "plain_iter_50000.caffemodel", AUTHORS / "plain_deploy.prototxt"))
    export(built, tmp_path / "plain")
    cifar.write_standin(tmp_path / "cifar", train=10, test=2)
    cfg = config("cifar/plain_c_active", f"network.pretrained={tmp_path}/plain", "network.pretrained_offsets=true",
                 f"dataset.dataset_path={tmp_path}/cifar", "TRAIN.BATCH_IMAGES=5", "engine=mxnet")  # fmt: skip
    assert {name: value.shape for name, value in built.arg.items()} == shapes(cfg)
    images = np.random.default_rng(0).normal(0, 1, (2, 3, 32, 32)).astype(np.float32)
    engine = engine_of(cfg, False, built.arg, built.aux)
    got = engine.compute({"data": images}, ["softmax_output"])["softmax_output"]
    np.testing.assert_allclose(got, run(built, images)["prob"].reshape(2, 10), rtol=1e-4, atol=1e-6)
    task = training(cfg, Place())
    engine = engine_of(cfg)
    task.begin(engine, logging.getLogger("test"))
    begun = engine.parameters(["conv3_1/2_offset"])[0]["conv3_1/2_offset"]
    assert np.abs(begun).max() > 0.5 and (begun == built.arg["conv3_1/2_offset"]).all()
    engine.update(next(iter(task.batches(0))), 0.001)
    moved = engine.parameters(["conv3_1/2_offset"])[0]["conv3_1/2_offset"] - begun
    assert moved.any() and not moved[0, 0, 1, 1].any()  # the middle tap stays
