# SPDX-License-Identifier: Apache-2.0
"""DeepLabV2's networks: parameters, names, rates, sizes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deeplab.rules import rules_of
from deeplab.schema import load
from deeplab.symbols import get_symbol, measured
from lib.config.multi_scale import label_sizes
from lib.engines.mxnet.network import infer_shapes
from lib.run.schedule import schedule
from lib.system import find_config

V2 = "resnet_v1_101_deeplab_v2"
LSDFN, CONTROL = f"{V2}_lsdfn", f"{V2}_control"
PUBLISHED = {"output_stride": 8, "res5_dilate": 4, "pool_pad": 1, "pool_ceil": True, "scales": [1.0, 0.75, 0.5]}
PARTS = {"branch1": "shortcut", "branch2a": "reduce", "branch2b": "conv3x3", "branch2c": "increase"}
SMALL = {"num_filter": 2, "channels": 4, "hidden": 4, "samples": 3, "sample_stride": 2, "post": 4}


def network(config_of, symbol, **net):
    cfg = config_of(symbol, **{**PUBLISHED, **net})
    cfg.dataset.NUM_CLASSES, cfg.network.FIXED_PARAMS = 21, ["gamma", "beta"]
    return cfg


def learned(cfg, size=(321, 321)) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters and states."""
    labels = {name: (1, *cells) for name, cells in label_sizes(size, cfg.net).items()}
    symbol = get_symbol(cfg)
    shapes = infer_shapes(symbol, {"data": (1, 3, *size), **labels})
    return {name: shapes[name] for name in symbol.list_inputs() if name != "data" and name not in labels}


def numbers(shapes, without="moving") -> int:
    return sum(int(np.prod(shape)) for name, shape in shapes.items() if without not in name)


def as_published(name: str) -> str:
    """kazuto1011/deeplab-pytorch's name of a layer of ours."""
    if match := re.fullmatch(r"(conv1|bn_conv1)_\w+", name):
        return f"base.layer1.conv1.{'conv' if match[1] == 'conv1' else 'bn'}"
    if match := re.fullmatch(r"aspp_(c\d)_\w+", name):
        return f"aspp.{match[1]}"
    kind, stage, letter, branch = re.fullmatch(r"(res|bn)(\d)([a-z]\d*)_(branch\d[abc]?)_\w+", name).groups()
    block = int(letter[1:]) + 1 if len(letter) > 1 else "abcd".index(letter) + 1
    return f"base.layer{stage}.block{block}.{PARTS[branch]}.{'conv' if kind == 'res' else 'bn'}"


def test_it_has_the_published_parameters(config_of):
    shapes = learned(network(config_of, V2))
    assert numbers(shapes) == 44_048_532
    layers = {"base.layer1.conv1.conv", "base.layer1.conv1.bn", "aspp.c0", "aspp.c1", "aspp.c2", "aspp.c3"}
    for stage, blocks in {2: 3, 3: 4, 4: 23, 5: 3}.items():
        for block in range(1, blocks + 1):
            parts = ["reduce", "conv3x3", "increase", *(["shortcut"] if block == 1 else [])]
            layers |= {f"base.layer{stage}.block{block}.{part}.{kind}" for part in parts for kind in ("conv", "bn")}
    assert {as_published(name) for name in shapes} == layers
    assert not any(name.startswith("scale") for name in shapes)  # all scales share all


@pytest.mark.parametrize(("name", "symbol"), [("", V2), ("_lsdfn", LSDFN)])
def test_the_configuration_is_the_published_training(name, symbol):
    cfg = load(find_config(f"deeplab_v2_resnet_v1_101_voc12{name}"))
    assert cfg.symbol == symbol and {key: getattr(cfg.net, key) for key in PUBLISHED} == PUBLISHED
    images = 2 * 10_582  # of trainaug, mirrored too
    rate = schedule(cfg, images, cfg.TRAIN.BATCH_IMAGES * cfg.run.iter_size)
    assert rate(1) == rate(10) == 2.5e-4 and rate(11) == pytest.approx(2.5e-4 * (1 - 10 / 19_044) ** 0.9)
    assert rate(19_044) > 0 == rate(19_051)
    if symbol == V2:
        assert numbers(learned(cfg)) == 44_048_532


def test_res4_looks_twice_and_res5_four_times_as_far(config_of):
    attributes = get_symbol(network(config_of, V2)).attr_dict()
    for name, dilate in {"res3b3": 1, "res4a": 2, "res4b22": 2, "res5a": 4, "res5c": 4}.items():
        for scale in ("", "scale075_", "scale050_"):
            assert attributes[f"{scale}{name}_branch2b"]["dilate"] == f"({dilate}, {dilate})"
    for number, rate in enumerate((6, 12, 18, 24)):
        assert attributes[f"aspp_c{number}"]["dilate"] == attributes[f"aspp_c{number}"]["pad"] == f"({rate}, {rate})"


def test_dynamic_filters_add_their_blocks_one_layer_and_channels_of_the_classifiers(config_of):
    cfg = network(config_of, LSDFN)
    shapes = learned(cfg)
    block = {name[len("lsdfn_") :]: shape for name, shape in shapes.items() if name.startswith("lsdfn_")}
    for tag in ("scale075", "scale050"):
        own = f"{tag}_lsdfn_"
        assert {name[len(own) :]: shape for name, shape in shapes.items() if name.startswith(own)} == block
    assert shapes["lsdfn_channel_weight"] == (24 * 256, 512, 1, 1) and shapes["lsdfn_sample_weight"][0] == 25
    assert shapes["post_weight"] == (256, 24, 1, 1) and shapes["aspp_c3_weight"] == (21, 2048 + 256, 3, 3)
    added = 3 * numbers(block) + 25 * 256 + 4 * 9 * 256 * 21
    assert numbers(shapes) == 44_048_532 + added
    internals = get_symbol(cfg).get_internals()
    reads = internals["scale050_lsdfn_position_output"].get_children()
    assert reads.list_outputs()[0] == "scale050_res5b_relu_output"


@pytest.mark.parametrize("net", [{}, {"depth": 18, "width": 16}])
def test_the_control_has_as_many_ordinary_parameters(config_of, net):
    plain, lsdfn, control = (learned(network(config_of, symbol, **net)) for symbol in (V2, LSDFN, CONTROL))
    assert numbers(control) == pytest.approx(numbers(lsdfn), rel=0.02) and numbers(plain) < 0.9 * numbers(control)
    own = {name for name in control.keys() - plain.keys() if not name.startswith("scale")}
    assert own == {f"{layer}_{kind}" for layer in ("control_1", "control_2", "post") for kind in ("weight", "bias")}
    assert {f"{tag}_{name}" for tag in ("scale075", "scale050") for name in own if name[:4] != "post"} <= set(control)


@pytest.mark.parametrize("symbol", [V2, LSDFN, CONTROL])
def test_rates_are_1_10_and_20(config_of, symbol):
    cfg = network(config_of, symbol, depth=18, width=2)
    rules = rules_of(cfg, get_symbol(cfg).tojson())
    assert set(rules) == set(learned(cfg))
    for name, rule in rules.items():
        if name.startswith("aspp"):
            assert (rule.lr_mult, rule.wd_mult) == ((10, 1) if name.endswith("_weight") else (20, 0)), name
            assert rule.init == ("normal" if name.endswith("_weight") else "zeros") and rule.grad_req == "write"
        elif name.startswith(("res", "conv1")):
            assert (rule.lr_mult, rule.wd_mult, rule.grad_req, rule.pretrained) == (1, 1, "write", True), name
        elif "bn" in name:
            assert rule.grad_req == "null" and rule.pretrained, name
        else:
            assert rule.lr_mult == (1 if name.endswith("_weight") else 2) and not rule.pretrained, name
    if symbol == LSDFN:
        assert rules["scale075_lsdfn_spatial_weight"].init == "normal(0.0001)" and rules["post_weight"].init == "msra"


@pytest.mark.parametrize("side", [64, 65, 97, 120, 321, 513])
@pytest.mark.parametrize("net", [{}, {"pool_ceil": False}, {"pool_pad": 0}, {"output_stride": 16}, {"scales": [1.0]}])
def test_labels_have_the_sizes_of_the_maps(config_of, side, net):
    cfg = network(config_of, V2, depth=10, width=2, **net)
    size = (side, side + 31)
    labels = {name: (1, *cells) for name, cells in label_sizes(size, cfg.net).items()}
    symbol = get_symbol(cfg)
    shapes = infer_shapes(symbol, {"data": (1, 3, *size), **labels})
    heads = {"softmax": "label", "softmax_scale075": "label_scale075", "softmax_scale050": "label_scale050"}
    heads = {head: label for head, label in heads.items() if label in labels}
    for head, label in heads.items():
        assert shapes[f"{head}_output"] == (1, 21, *labels[label][1:])
    assert set(symbol.list_outputs()) >= {f"{head}_output" for head in heads}


def test_a_test_gives_probabilities_at_the_size_of_the_picture(config_of):
    cfg = network(config_of, LSDFN, depth=18, width=2)
    for key, value in SMALL.items():
        setattr(cfg.net.lsdfn, key, value)
    assert infer_shapes(get_symbol(cfg, False), {"data": (2, 3, 75, 101)})["softmax_output"] == (2, 21, 75, 101)


def test_trained_statistics_follow_their_scale(config_of):
    """Two scales would move one mean in an order that engines do not share."""
    symbol = get_symbol(network(config_of, V2, depth=10, width=2, train_bn=True))
    states = symbol.list_auxiliary_states()
    for name in [each for each in states if not each.startswith("scale")]:
        assert {f"scale075_{name}", f"scale050_{name}"} <= set(states)
    assert not any(name.startswith("scale") for name in symbol.list_arguments())


def test_each_loss_is_measured_on_its_own_labels(config_of):
    symbol = measured(get_symbol(network(config_of, V2, depth=10, width=2)))
    inside = symbol.get_internals()
    for of, label in (("", "label"), ("_scale100", "label"), ("_scale075", "label_scale075")):
        assert inside[f"probability{of}_output"].get_children().list_outputs()[1] == label


@pytest.mark.parametrize(
    ("symbol", "net", "message"),
    [
        (V2, {"scales": []}, r"net.scales: this network needs its scales, such as \[1, 0.75, 0.5\], got \[\]"),
        ("resnet_v1_101_deeplab", {}, r"net.scales: resnet_v1_101_deeplab sees pictures at one scale, expected \[\]"),
        (LSDFN, {"depth": 10}, "net.depth: the unit before the last of res5 is asked for, depth 10 has one unit"),
    ],
)
def test_an_impossible_network_is_refused(config_of, symbol, net, message):
    with pytest.raises(ValueError, match=message):
        get_symbol(network(config_of, symbol, **net))
