# SPDX-License-Identifier: Apache-2.0
"""What the training of a FlowNet does with each parameter."""

from __future__ import annotations

from flow.levels import LEVELS, target
from lib.looking.graph import Graph
from lib.run import rules
from lib.run.rules import Row, Rule

INPUTS = ("data", *map(target, LEVELS))


def rules_of(cfg, graph: str) -> dict[str, Rule]:
    """The Rule of every parameter of a network's graph. Weights decay, biases do not.

    cfg: reads net.lsdfn and network.FIXED_PARAMS. Raises ValueError for a parameter that no row knows.
    """
    names = [name for name in Graph(graph).variables if name not in INPUTS]
    return rules.rules(_table(cfg), names, {}, cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    return (
        *(Row(name, 1.0, init) for name, init in cfg.net.lsdfn.initial().items()),
        Row(r".*_weight", 1.0, "msra(0.1)", True),  # He et al. 2015, for the slope of the leaky ReLUs
        Row(r".*_bias", 1.0, "zeros", True),
    )
