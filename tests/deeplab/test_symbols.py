# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trainings import engine_of

from deeplab.symbols import get_symbol, names
from lib.engines.mxnet.network import infer_shapes

DATA = Path(__file__).parent / "data"
PLAIN = "resnet_v1_101_deeplab"
OF_2017 = [PLAIN, f"{PLAIN}_acn", f"{PLAIN}_dcn", f"{PLAIN}_modulated"]  # of one scale
FULL_SIZE = (1, 3, 1024, 2048)


def committed_shapes() -> dict[str, tuple[int, ...]]:
    lines = (DATA / "resnet_v1_101_params.txt").read_text().splitlines()
    return {name: tuple(map(int, shape.split(","))) for name, shape in map(str.split, lines)}


def shapes_of(symbol, data: tuple) -> dict[str, tuple[int, ...]]:
    """Of all arguments, states and outputs for pictures of this shape."""
    return infer_shapes(symbol, {"data": data, "label": (data[0], *data[2:])})


def engine_with(cfg, is_train=False, size=(32, 32), images=1):
    """An engine that holds the network for pictures of this size."""
    cfg.SCALES, cfg.TRAIN.BATCH_IMAGES, cfg.TRAIN.ENABLE_CROP = [list(size)], images, False
    return engine_of(cfg, is_train)


def parameter_shapes(cfg) -> dict[str, tuple[int, ...]]:
    shapes = shapes_of(get_symbol(cfg), FULL_SIZE)
    assert shapes.pop("data") == FULL_SIZE
    assert shapes.pop("label") == (1, 1024, 2048)
    assert shapes.pop("softmax_output") == (1, 19, 1024, 2048)
    return shapes


def test_the_committed_list_is_what_its_script_prints_and_has_the_known_size():
    script = DATA / "list_resnet_v1_101_params.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert printed == (DATA / "resnet_v1_101_params.txt").read_text()
    learned = {name: shape for name, shape in committed_shapes().items() if "moving" not in name}
    backbone = sum(int(np.prod(shape)) for name, shape in learned.items() if name.startswith(("conv", "bn", "res")))
    # The well-known 44,549,160 parameters of ResNet-101 less its classifier of 1000 classes.
    assert backbone == 44_549_160 - 2049 * 1000


def test_base_has_exactly_the_committed_parameters(config_of):
    assert parameter_shapes(config_of(PLAIN)) == committed_shapes()


@pytest.mark.parametrize("variant, filters", [("dcn", 18), ("modulated", 27)])
def test_deformable_adds_one_offset_branch_per_unit_of_res5(config_of, variant, filters):
    expected = committed_shapes()
    for unit in "abc":
        expected[f"res5{unit}_branch2b_offset_weight"] = (filters, 512, 3, 3)
        expected[f"res5{unit}_branch2b_offset_bias"] = (filters,)
    assert parameter_shapes(config_of(f"{PLAIN}_{variant}")) == expected


def test_active_adds_one_set_of_offsets_per_unit_of_res5(config_of):
    expected = committed_shapes()
    expected.update({f"res5{unit}_branch2b_offset": (2, 4, 3, 3, 2) for unit in "abc"})
    cfg = config_of(f"{PLAIN}_acn", num_offset_group=2, num_deformable_group=4)
    assert parameter_shapes(cfg) == expected


@pytest.mark.parametrize("variant, filters", [("dcn", 2 * 9 * 8), ("modulated", 3 * 9 * 8)])
def test_a_branch_predicts_for_every_offset_set(config_of, variant, filters):
    shapes = parameter_shapes(config_of(f"{PLAIN}_{variant}", num_offset_group=2, num_deformable_group=4))
    assert shapes["res5b_branch2b_offset_weight"] == (filters, 512, 3, 3)


@pytest.mark.parametrize("variant", OF_2017)
def test_stride_may_stand_on_the_3x3_convolutions(config_of, variant):
    """Also on that of res5, whatever looks there: offsets are predicted where the output is."""
    cfg = config_of(variant, depth=50, width=8, output_stride=32, stride_on_3x3=True)
    symbol = get_symbol(cfg, is_train=False).get_internals()
    expected = {"res3a_branch2a": 24, "res3a_branch2b": 12, "res5a_branch2a": 6, "res5a_branch2b": 3, "res5a": 3}
    if "res5a_branch2b_offset_output" in symbol.list_outputs():
        expected["res5a_branch2b_offset"] = 3
    for name, side in expected.items():
        shape = symbol[f"{name}_output"].infer_shape(data=(1, 3, 96, 96))[1][0]
        assert shape[2:] == (side, side), name
    cfg.net.stride_on_3x3 = False
    symbol = get_symbol(cfg, is_train=False).get_internals()
    assert symbol["res5a_branch2a_output"].infer_shape(data=(1, 3, 96, 96))[1][0][2:] == (3, 3)


@pytest.mark.parametrize("variant", [f"{PLAIN}_acn", f"{PLAIN}_dcn"])  # half a minute each
def test_forward_at_full_size(config_of, variant):
    cfg = config_of(variant)
    image = np.random.default_rng(0).uniform(-128, 128, FULL_SIZE).astype(np.float32)
    out = engine_with(cfg, size=FULL_SIZE[2:]).compute({"data": image}, ["softmax_output"])["softmax_output"]
    assert out.shape == (1, 19, 1024, 2048)
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "depth, units, last, project",
    [
        (18, "2a 2b 3a 3b 4a 4b 5a 5b", 512, "3a 4a 5a"),
        (34, "2a 2b 2c 3a 3b 3c 3d 4a 4b 4c 4d 4e 4f 5a 5b 5c", 512, "3a 4a 5a"),
        (50, "2a 2b 2c 3a 3b 3c 3d 4a 4b 4c 4d 4e 4f 5a 5b 5c", 2048, "2a 3a 4a 5a"),
    ],
)
def test_other_depths(config_of, depth, units, last, project):
    shapes = shapes_of(get_symbol(config_of(PLAIN, depth=depth)), (1, 3, 64, 96))
    found = [name[3:].split("_")[0] for name in shapes if name.startswith("res") and "branch2a" in name]
    assert " ".join(found) == units
    shortcuts = [name[3:].split("_")[0] for name in shapes if name.startswith("res") and "branch1" in name]
    assert " ".join(shortcuts) == project
    assert shapes["fc6_weight"] == (1024, last, 1, 1)
    assert ("res5a_branch2c_weight" in shapes) == (depth == 50)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("depth", [18, 50])
def test_output_stride(config_of, depth, output_stride):
    cfg = config_of(PLAIN, depth=depth, width=4, output_stride=output_stride)
    inner = get_symbol(cfg).get_internals()["score_output"]
    _, outputs, _ = inner.infer_shape(data=(2, 3, 128, 192))
    assert outputs[0][2:] == (128 // output_stride, 192 // output_stride)


@pytest.mark.parametrize("output_stride, res4, ordinary", [(8, 2, 2), (16, 1, 1), (32, 1, 1)])
def test_dilation_replaces_the_lost_stride_and_res5_dilate_rules_branch2b(config_of, output_stride, res4, ordinary):
    cfg = config_of(PLAIN, depth=18, output_stride=output_stride, res5_dilate=3)
    attributes = get_symbol(cfg).attr_dict()
    for name, dilate in [("res3a_branch2b", 1), ("res4a_branch2a", res4), ("res4b_branch2b", res4)] + [
        ("res5b_branch2a", ordinary),
        ("res5a_branch2b", 3),
        ("res5b_branch2b", 3),
    ]:
        assert attributes[name]["dilate"] == attributes[name]["pad"] == str((dilate, dilate)), name


def test_the_stride_of_a_bottleneck_is_on_its_first_convolution_and_its_shortcut(config_of):
    attributes = get_symbol(config_of(PLAIN)).attr_dict()
    strided = {n for n, a in attributes.items() if a.get("stride") == "(2, 2)" and n.startswith("res")}
    strided = {n for n in strided if not n.endswith("_weight")}  # variables inherit the attributes of their node
    assert strided == {f"res{stage}a_branch{branch}" for stage in (3, 4) for branch in ("1", "2a")}
    assert attributes["res5a_branch2b"]["dilate"] == "(2, 2)"


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_enlarging_puts_each_cell_in_its_middle(tiny_config_of, output_stride):
    cfg = tiny_config_of(output_stride=output_stride)
    size = (128, 192)
    engine = engine_with(cfg, size=size)
    weight = engine.parameters(["fc6_weight"])[0]["fc6_weight"]
    engine.load({"fc6_weight": 0 * weight, "score_bias": np.arange(19, dtype=np.float32)}, {})
    flat = engine.compute({"data": np.zeros((1, 3, *size), np.float32)}, ["crop_output"])["crop_output"]
    border = output_stride // 2  # outside the outer cells' middles there is nothing to interpolate with
    inside = flat[:, :, border:-border, border:-border]
    np.testing.assert_allclose(inside, np.broadcast_to(np.arange(19).reshape(1, 19, 1, 1), inside.shape), rtol=1e-6)
    np.testing.assert_allclose(flat, flat[:, :, ::-1, ::-1], rtol=1e-6)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (66, 101), (79, 83), (80, 82)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_any_image_size_gives_an_output_of_that_size(tiny_config_of, size, output_stride):
    symbol = get_symbol(tiny_config_of(output_stride=output_stride), is_train=False)
    assert shapes_of(symbol, (2, 3, *size))["softmax_output"] == (2, 19, *size)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("depth", [18, 50])
def test_all_variants_start_as_the_plain_network_of_the_same_seed(tiny_config_of, depth, groups):
    image = np.random.default_rng(1).uniform(-2, 2, (2, 3, 64, 96)).astype(np.float32)
    out = {}
    for variant in OF_2017:
        cfg = tiny_config_of(variant, depth=depth, res5_dilate=2, num_deformable_group=groups, boundary="zero")
        out[variant] = engine_with(cfg, size=(64, 96)).compute({"data": image}, ["score_output"])["score_output"]
    plain = out.pop(PLAIN)
    assert np.abs(plain).max() > 1e-3
    for variant, values in out.items():
        np.testing.assert_allclose(values, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max(), err_msg=variant)


def test_ignored_pixels_give_no_gradient_and_the_rest_is_averaged(tiny_config_of):
    cfg = tiny_config_of()
    engine = engine_with(cfg, is_train=True)
    label = np.full((1, 32, 32), 255.0)
    label[0, :16, :8] = 3
    image = np.random.default_rng(0).uniform(-2, 2, (1, 3, 32, 32))
    engine.update({"data": image, "label": label}, 0.5)
    bias = -engine.momentum()["score_bias"]  # of rate 0.5, multiplier 2 and no decay: the gradient
    # The upsampling spreads weights that sum to at most stride^2 / stride^2 = 1 per pixel: d/d bias_3 of the mean
    # cross entropy is mean(p_3 - 1) where nothing is cut off at the image's edge, and the gradients sum to 0.
    assert -1 < bias[3] < -0.5
    assert abs(bias.sum()) < 1e-6


@pytest.mark.parametrize("train_bn", [True, False])
def test_batch_norm_is_frozen_or_trained(tiny_config_of, train_bn):
    cfg = tiny_config_of(train_bn=train_bn)
    engine = engine_with(cfg, is_train=True, images=2)
    image = np.random.default_rng(0).uniform(-2, 2, (2, 3, 32, 32))
    engine.update({"data": image, "label": np.zeros((2, 32, 32))}, 0.0)
    _, aux = engine.parameters()
    moved = {name for name, value in aux.items() if not np.all(value == (1 if name.endswith("var") else 0))}
    assert moved == (set(aux) if train_bn else set())


def test_an_unknown_symbol_names_the_nearest(config_of):
    with pytest.raises(ValueError, match="'resnet_v1_101_deeplab_dnc'.*did you mean 'resnet_v1_101_deeplab_dcn'"):
        get_symbol(config_of("resnet_v1_101_deeplab_dnc"))


def test_shared_files_are_no_networks(config_of):
    assert names() == [*OF_2017, f"{PLAIN}_v2", f"{PLAIN}_v2_control", f"{PLAIN}_v2_lsdfn"]
    with pytest.raises(ValueError, match="symbol: no network 'resnet_v1'"):
        get_symbol(config_of("resnet_v1"))


@pytest.mark.parametrize(
    "net, message",
    [
        ({"depth": 19}, r"net.depth: no ResNet of depth 19 here, expected one of \[10, 18, 34, 50, 101\]"),
        ({"output_stride": 4}, r"net.output_stride: got 4, expected one of \[8, 16, 32\]"),
        ({"width": 0}, "net.width: got 0"),
    ],
)
def test_an_impossible_network_is_an_error(config_of, net, message):
    with pytest.raises(ValueError, match=message):
        get_symbol(config_of(PLAIN, **net))
