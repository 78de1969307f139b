# SPDX-License-Identifier: Apache-2.0
"""What the training of a detection network does with each parameter: the rules of the original (Deformable-ConvNets,
rfcn/symbols and faster_rcnn/symbols)."""

from __future__ import annotations

from lib.looking.graph import Graph
from lib.looking.layers import looking_layers, steering
from lib.run import rules
from lib.run.rules import Row, Rule

INPUTS = ("data", "im_info", "gt_boxes", "label", "bbox_target", "bbox_weight", "draw", "proposals")


def rules_of(cfg, graph: str) -> dict[str, Rule]:
    """The Rule of every parameter and state of a network's graph.

    cfg: reads `net.head_init`, `net.offset_lr_mult` (factor on the multipliers of what makes offsets of convolutions),
    `net.bins_lr_mult` (of poolings), `net.lsdfn` and `network.FIXED_PARAMS`.
    Raises ValueError for a parameter that no row of the table knows.
    """
    read = Graph(graph)
    names = [name for name in read.variables if name not in INPUTS]
    return rules.rules(_table(cfg), names, steering(looking_layers(read)), cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    scale, new = float(cfg.net.offset_lr_mult), cfg.net.head_init
    fast = 3.0 if "rfcn" in cfg.symbol else 1.0  # conv_new_1 of R-FCN
    return (
        Row(r"conv_new_1_weight", fast, new),
        Row(r"conv_new_1_bias", fast, "zeros"),
        Row(r"(rpn_conv_3x3|fc_new_[12])_weight", 1.0, new),
        Row(r"(rpn_cls_score|rpn_bbox_pred|rfcn_cls|rfcn_bbox|cls_score|bbox_pred)_weight", 1.0, "normal"),
        Row(r"(rpn_.*|rfcn_.*|fc_new_[12]|cls_score|bbox_pred)_bias", 1.0, "zeros"),
        Row(r".*", scale, "zeros", steers="deformable"),
        Row(r".*", scale, "zeros", steers="modulated"),
        Row(r".*", scale, "zeros", steers="active"),
        Row(r"offset_(weight|bias)", 0.01 * cfg.net.bins_lr_mult, "zeros", steers="pooling"),
        Row(r"rfcn_(cls|bbox)_offset_t_(weight|bias)", cfg.net.bins_lr_mult, "zeros", steers="pooling"),
        *rules.block(cfg.net.lsdfn.initial()),
        Row(r"bn.*_(gamma|moving_var)", 1.0, "ones", True),
        Row(r"bn.*_(beta|moving_mean)", 1.0, "zeros", True),
        Row(r"(conv1|res.*)_weight", 1.0, "msra", True),
    )
