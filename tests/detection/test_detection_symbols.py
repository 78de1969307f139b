# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_detection import NAMES, batch_of, small

from detection import anchors
from detection.rules import rules_of
from detection.schema import Config, two_stage
from detection.symbols import get_symbol
from detection.task import test_network as network_for_testing
from detection.task import train_network
from lib.engines import open_engine
from lib.engines.mxnet.network import infer_shapes
from lib.nets.boxes import step

PARTS = Path(__file__).parent / "data" / "head_params.txt"
BACKBONE = Path(__file__).parents[1] / "deeplab" / "data" / "resnet_v1_101_params.txt"
COUNTS = {
    "rfcn": (("rpn", "rfcn"), 50_801_667),
    "rfcn_dcn": (("rpn", "rfcn", "rfcn_bins", "deformable"), 54_007_111),
    # 24 more channels for conv_new_1, and a block: three 3x3 layers on 2048 channels, attentions, and its last layers.
    "rfcn_lsdfn": (("rpn", "rfcn", "lsdfn"),
                   50_801_667 + 24 * 1024 + 3 * (9 * 2048 * 512 + 512) + 34 * (9 * 2048 + 1) + 512 * 9 * (256 + 216)
                   + 256 + 216 + 6144 * 513),
    "rcnn": (("rpn", "rcnn"), 61_774_815),
    "rcnn_dcn": (("rpn", "rcnn", "rcnn_bins", "deformable"), 63_999_769),
    "rpn": (("class_aware",), 49_432_865),
    "rpn_dcn": (("class_aware", "deformable"), 50_428_409),
    "rpn 1x1": (("class_aware_1x1",), 44_828_961),
}  # fmt: skip


def committed(parts) -> dict[str, tuple[int, ...]]:
    """ResNet-101 without its head, by another system's committed list, and the parts of the heads, with biases."""
    lines = [line.split() for line in BACKBONE.read_text().splitlines()]
    found = {name: tuple(map(int, shape.split(","))) for name, shape in lines}
    found = {name: shape for name, shape in found.items() if name.startswith(("conv1", "bn", "res"))}
    for part, name, shape in (line.split() for line in PARTS.read_text().splitlines()):
        if part in parts:
            found[f"{name}_weight"] = tuple(map(int, shape.split(",")))
            found[f"{name}_bias"] = found[f"{name}_weight"][:1]
    return found


def published(name: str) -> Config:
    """The original's setting on PASCAL VOC."""
    cfg = Config()
    cfg.symbol = f"resnet_v1_101_{name.split()[0]}"
    cfg.net.rpn_channels = 0 if name.endswith("1x1") else 512
    if name.startswith("rcnn"):
        cfg.CLASS_AGNOSTIC, cfg.TRAIN.BATCH_ROIS = False, 128
    else:
        cfg.TRAIN.BATCH_ROIS, cfg.TRAIN.ENABLE_OHEM = -1, True
    return cfg


@pytest.mark.parametrize("name", COUNTS)
def test_names_shapes_and_counts_are_the_originals(name):
    parts, count = COUNTS[name]
    cfg, size = published(name), (600, 1000)
    symbol = get_symbol(cfg)
    given = {"data": (1, 3, *size), "im_info": (1, 3), "gt_boxes": (1, 5, 5), "label": (1, 9 * 38 * 63),
             "bbox_target": (1, 36, 38, 63), "bbox_weight": (1, 36, 38, 63), "draw": (1,)}  # fmt: skip
    shapes = infer_shapes(symbol, given)
    outputs = [each.removesuffix("_output") for each in symbol.list_outputs()]
    judged = ["cls_prob_reshape", "bbox_loss_reshape", "rcnn_label"] if len(parts) and parts[0] == "rpn" else []
    assert outputs == ["rpn_cls_prob", "rpn_bbox_loss", *judged]
    classes = 2 if judged else 21
    assert shapes["rpn_cls_prob_output"] == (1, classes, 9 * 38, 63)
    if judged:
        rois = 128 if name.startswith("rcnn") else 305
        assert shapes["cls_prob_reshape_output"] == (1, rois, 21)
        assert shapes["bbox_loss_reshape_output"] == (1, rois, 84 if name.startswith("rcnn") else 8)
    own = {key: shape for key, shape in shapes.items() if key not in given and not key.endswith("_output")}
    assert own == committed(parts)
    assert sum(int(np.prod(shape)) for key, shape in own.items() if "moving" not in key) == count


def test_the_inputs_are_the_originals():
    inputs = ("data", "im_info", "gt_boxes", "label", "bbox_target", "bbox_weight", "draw")

    def of(name, is_train):
        return {each for each in get_symbol(published(name), is_train).list_arguments() if each in inputs}

    assert of("rfcn", True) == set(inputs) - {"draw"}
    assert of("rcnn", True) == set(inputs)  # a number of proposals is drawn
    assert of("rfcn", False) == of("rcnn_dcn", False) == {"data", "im_info"}
    assert of("rpn", True) == {"data", "label", "bbox_target", "bbox_weight"} and of("rpn", False) == {"data"}


@pytest.mark.parametrize("name", NAMES)
def test_every_network_learns_and_sees(name):
    """One update of two pictures of different sizes, and what the network then sees."""
    cfg = small(name)
    with open_engine(cfg, training=True) as engine:
        engine.build(train_network(cfg))
        before = engine.parameters()[0]
        out = engine.update(batch_of(cfg), 0.01)[0]
        after, states = engine.parameters()
    assert all(np.isfinite(value).all() for value in (*out.values(), *after.values()))
    unmoved = [key for key in before if np.array_equal(before[key], after[key])]
    assert not [key for key in unmoved if "offset" not in key or key.endswith("offset_t_weight")], unmoved
    with open_engine(cfg) as engine:
        engine.build(network_for_testing(cfg), after, states)
        batch = batch_of(cfg)
        outputs = [f"{each}_output" for each in
                   (("rois", "cls_prob_reshape", "bbox_pred_reshape") if two_stage(cfg) else
                    ("rpn_cls_prob_reshape", "rpn_bbox_pred"))]  # fmt: skip
        seen = engine.compute(batch, outputs)
    assert all(np.isfinite(value).all() for value in seen.values())
    if two_stage(cfg):
        rois = seen["rois_output"]
        assert np.array_equal(np.bincount(rois[:, 0].astype(int)), [12, 12])
        for number, (height, width, _) in enumerate(batch["im_info"]):
            own = rois[rois[:, 0] == number, 1:]
            assert own.min() >= 0 and own[:, 2].max() <= width - 1 and own[:, 3].max() <= height - 1


def test_aligned_inception_resnet_is_another_backbone():
    """101 layers deep, as the paper's table has its blocks; the widths inside a block are our reading."""
    cfg = published("rfcn_dcn")
    cfg.net.inception, cfg.net.pool_pad = True, 1
    given = {"data": (1, 3, 600, 1000), "im_info": (1, 3)}
    shapes = infer_shapes(get_symbol(cfg, is_train=False).get_internals(), given)
    assert shapes["res2c_relu_output"][1:] == (256, 150, 250) and shapes["res3b3_relu_output"][1:] == (512, 75, 125)
    assert shapes["res4b22_relu_output"][1:] == (1024, 38, 63) and shapes["res5c_relu_output"][1:] == (2048, 38, 63)
    moved = [name for name in shapes if name.endswith("_offset_weight") and name.startswith("res5")]
    assert moved == [f"res5{unit}_branch{place}_offset_weight" for unit in "abc" for place in ("3b", "4b", "4c")]
    small_one = small("rfcn_dcn")
    small_one.net.depth, small_one.net.inception = 50, True
    with open_engine(small_one, training=True) as engine:
        engine.build(train_network(small_one))
        assert all(np.isfinite(value).all() for value in engine.update(batch_of(small_one), 0.01)[0].values())
    cfg.net.depth = 18
    with pytest.raises(ValueError, match="net.inception: its units come in depths .50, 101., got net.depth 18"):
        get_symbol(cfg)


def test_an_unknown_network_is_refused_with_the_nearest_name():
    cfg = Config()
    cfg.symbol = "resnet_v1_101_rfcnn"
    with pytest.raises(ValueError, match="did you mean 'resnet_v1_101_rfcn'"):
        get_symbol(cfg)


@pytest.mark.parametrize(
    "stride, pool_pad, sides", [(16, 0, (600, 1000)), (8, 1, (97, 130)), (32, 0, (65, 66)), (16, 1, (64, 33))]
)
def test_the_size_of_the_map_is_known_without_the_network(stride, pool_pad, sides):
    for name in ("rpn", "rfcn"):
        cfg = small(name)
        cfg.net.output_stride, cfg.net.pool_pad = stride, pool_pad
        inside = get_symbol(cfg, is_train=False).get_internals()
        shapes = infer_shapes(inside, {"data": (1, 3, *sides), "im_info": (1, 3)})
        assert shapes["rpn_bbox_pred_output"][2:] == anchors.map_size(cfg, *sides)


def test_the_head_sees_res5_and_its_dynamic_filters_and_the_rpn_does_not():
    cfg = published("rfcn_lsdfn")
    internals = get_symbol(cfg).get_internals()
    reads = internals["conv_new_1_output"].get_children()[0].get_children()
    assert reads.list_outputs() == ["res5c_relu_output", "lsdfn_output"]  # 24 channels, no layer behind them
    assert internals["rpn_conv_3x3_output"].get_children().list_outputs()[0] == "res4b22_relu_output"
    rules = rules_of(cfg, get_symbol(cfg).tojson())
    assert rules["lsdfn_spatial_weight"].init == "normal(0.0001)"
    assert rules["lsdfn_sample_weight"].lr_mult == 1 and rules["lsdfn_sample_bias"].lr_mult == 2
    cfg.net.lsdfn.post = 32
    assert rules_of(cfg, get_symbol(cfg).tojson())["post_weight"].init == "msra"


def test_rules_are_the_originals():
    def rules(name):
        cfg = published(name)
        return rules_of(cfg, get_symbol(cfg).tojson())

    judged = rules("rfcn_dcn")
    assert judged["conv_new_1_weight"].lr_mult == judged["conv_new_1_bias"].lr_mult == 3
    for name in ("rfcn_cls_offset_t_weight", "rfcn_bbox_offset_t_bias", "res5c_branch2b_offset_weight"):
        assert (judged[name].lr_mult, judged[name].init) == (1, "zeros")
    faster = rules("rcnn_dcn")
    assert faster["offset_weight"].lr_mult == 0.01 and faster["offset_bias"].init == "zeros"
    assert faster["conv_new_1_weight"].lr_mult == 1
    for found in (judged, faster):
        fixed = {name for name, rule in found.items() if rule.grad_req == "null"}
        assert {"conv1_weight", "res2c_branch2b_weight", "bn5c_branch2c_gamma"} <= fixed
        assert not [name for name in fixed if "rpn" in name or "new" in name or name.startswith("res3")]
        assert found["rpn_conv_3x3_bias"].wd_mult == 0 and found["rpn_conv_3x3_weight"].wd_mult == 1


def test_attributes_that_do_not_fit_are_told_before_mxnet_dies_of_them():
    wrong = {"feat_stride": 8, "ratios": [1e6], "scales": [1], "rpn_pre_nms_top_n": 9, "rpn_post_nms_top_n": 5,
             "threshold": 0.7, "rpn_min_size": 4}  # fmt: skip
    with pytest.raises(ValueError, match="anchors: ratios .* give a box of no pixel at stride 8"):
        step("proposal", "rois", {}, **wrong)
    cfg = small("rfcn")
    cfg.network.ANCHOR_RATIOS, cfg.network.NUM_ANCHORS = [1e6, 1], 4
    with pytest.raises(ValueError, match="anchors: ratios .* give a box of no pixel at stride 8"):
        get_symbol(cfg)
