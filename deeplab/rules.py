# SPDX-License-Identifier: Apache-2.0
"""What DeepLab's training does with each parameter: the rules of the original (Deformable-ConvNets, deeplab/symbols),
which it spread over variable attributes, an `init_weight` method and MXNet's naming habits."""

from __future__ import annotations

from lib.looking.graph import Graph
from lib.looking.layers import looking_layers, steering
from lib.run import rules
from lib.run.rules import Row, Rule

INPUTS = ("data", "label")


def rules_of(cfg, graph: str) -> dict[str, Rule]:
    """The Rule of every parameter and state of a network's graph.

    cfg: reads `net.head_init`, `net.offset_lr_mult` (factor on the multipliers of all that makes offsets) and
    `network.FIXED_PARAMS`. Raises ValueError for a parameter that no row of the table knows.
    """
    read = Graph(graph)
    names = [name for name in read.variables if name not in INPUTS]
    return rules.rules(_table(cfg), names, steering(looking_layers(read)), cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    scale = float(cfg.net.offset_lr_mult)
    return (
        Row(r"upsampling_weight", 0.0, "bilinear"),
        Row(r"fc6_weight", 1.0, cfg.net.head_init),
        Row(r"score_weight", 1.0, "normal"),
        Row(r"(fc6|score)_bias", 2.0, "zeros"),
        # DCNv2 slows its offset-and-mask branch as a whole; the first deformable network treats its branch as a new
        # layer.
        Row(r".*_bias", 2.0 * scale, "zeros", steers="deformable"),
        Row(r".*", scale, "zeros", steers="deformable"),
        Row(r".*", 0.1 * scale, "zeros", steers="modulated"),
        Row(r".*", scale, "zeros", steers="active"),
        Row(r"bn.*_(gamma|moving_var)", 1.0, "ones", True),
        Row(r"bn.*_(beta|moving_mean)", 1.0, "zeros", True),
        Row(r"(conv1|res.*)_weight", 1.0, "msra", True),
    )
