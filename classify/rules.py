# SPDX-License-Identifier: Apache-2.0
"""What the training of a classifier does with each parameter."""

from __future__ import annotations

from lib.looking.graph import Graph
from lib.looking.layers import looking_layers, steering
from lib.run import rules
from lib.run.rules import Row, Rule

INPUTS = ("data", "label")


def rules_of(cfg, graph: str) -> dict[str, Rule]:
    """The Rule of every parameter and state of a network's graph.

    cfg: reads net.init, net.mask_init, net.offset_lr_mult (the multiplier of all that makes offsets and masks),
    network.FIXED_PARAMS and network.pretrained_offsets. Raises ValueError for a parameter that no row knows.
    """
    read = Graph(graph)
    names = [name for name in read.variables if name not in INPUTS]
    return rules.rules(_table(cfg), names, steering(looking_layers(read)), cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    scale = float(cfg.net.offset_lr_mult)
    return (
        Row(r".*", scale, "zeros", steers="deformable"),
        Row(r".*_mask_weight", scale, cfg.net.mask_init, steers="modulated"),
        Row(r".*", scale, "zeros", steers="modulated"),
        Row(r".*", scale, "zeros", cfg.network.pretrained_offsets, steers="active"),
        Row(r"bn.*_(gamma|moving_var)", 1.0, "ones", True),
        Row(r"bn.*_(beta|moving_mean)", 1.0, "zeros", True),
        Row(r".*_weight", 1.0, cfg.net.init, True),
        Row(r".*_bias", 1.0, "zeros", True),
    )
