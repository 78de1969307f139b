# SPDX-License-Identifier: Apache-2.0
"""What DeepLab's training does with each parameter: the rules of the original (Deformable-ConvNets, deeplab/symbols),
which it spread over variable attributes, an `init_weight` method and MXNet's naming habits."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deeplab import faults
from deeplab.modules import deeplab_v3_plus
from lib.config.dynamic_filter import control_initial
from lib.config.v3_plus import NAME
from lib.looking.graph import Graph
from lib.looking.layers import looking_layers, steering
from lib.run import rules
from lib.run.rules import Row, Rule

INPUTS = r"data|label(_scale\d+)?"


def rules_of(cfg, graph: str, names: Iterable[str] | None = None) -> dict[str, Rule]:
    """The Rule of every parameter and state of a network's graph.

    cfg: reads `net.head_init`, `net.offset_lr_mult` (factor on the multipliers of all that makes offsets), `faults`,
    `net.aspp_lr_mult`, `net.lsdfn` and `network.FIXED_PARAMS`. names: of a torch module's, which its text does not say.
    Raises ValueError for a parameter that no row of the table knows, or a fault that this network cannot have.
    """
    if cfg.symbol == NAME:
        return rules.rules(deeplab_v3_plus.table(cfg), names, steering(looking_layers(graph)), (), __file__)
    read = Graph(graph)
    names = [name for name in read.variables if not re.fullmatch(INPUTS, name)]
    layers = looking_layers(read)
    faults.check(cfg, [layer.kind for layer in layers])
    return rules.rules(_table(cfg), names, steering(layers), cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    scale = float(cfg.net.offset_lr_mult)
    return (
        Row(r"upsampling_weight", 0.0, "bilinear"),
        Row(r"fc6_weight", 1.0, cfg.net.head_init),
        Row(r"score_weight", 1.0, "normal"),
        Row(r"(fc6|score)_bias", 2.0, "zeros"),
        # DeepLabV2's classifiers; its dynamic filters as their author's Caffe networks have them.
        Row(r"aspp_c\d_weight", cfg.net.aspp_lr_mult, "normal"),
        Row(r"aspp_c\d_bias", 2.0 * cfg.net.aspp_lr_mult, "zeros"),
        *rules.block(cfg.net.lsdfn.initial(), r"(scale\d+_)?"),
        *rules.block(control_initial(), r"(scale\d+_)?"),
        Row(r"scale\d+_bn.*_moving_var", 1.0, "ones"),
        Row(r"scale\d+_bn.*_moving_mean", 1.0, "zeros"),
        # DCNv2 slows its offset-and-mask branch as a whole; the first deformable network treats its branch as a new
        # layer.
        Row(r".*_bias", 2.0 * scale, "zeros", steers="deformable"),
        Row(r".*", scale, "zeros", steers="deformable"),
        Row(r".*", 0.1 * scale, "zeros", steers="modulated"),
        Row(r".*", scale, "zeros", steers="active", carry=faults.carry(cfg)),
        Row(r"bn.*_(gamma|moving_var)", 1.0, "ones", True),
        Row(r"bn.*_(beta|moving_mean)", 1.0, "zeros", True),
        Row(r"(conv1|res.*)_weight", 1.0, "msra", True),
    )  # fmt: skip
