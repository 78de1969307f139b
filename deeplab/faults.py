# SPDX-License-Identifier: Apache-2.0
"""Faults of the builds behind published numbers, as switches of a training (`faults` in a configuration), to see what
they explain; docs/report-faults.md tells where each comes from. No operator knows of them.

Gradients of offsets that are never zeroed are carried by the engine (`lib.run.carry`), which then normalises in the
operator's place. The weight gradient of undeformed columns is a matter of the graph, see
`deeplab.symbols.resnet_v1_101_deeplab_dcn`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lib.run.carry import Carry


def offset_lr_rate(cfg) -> float:
    """The factor on offset gradients that counts: the hard-wired one, where there is one."""
    return cfg.faults.offset_lr_rate or cfg.net.offset_lr_rate


def built(cfg):
    """cfg.net as the graph is built by it."""
    if cfg.faults.carried_offset_gradient and cfg.net.normalize_grad:
        return replace(cfg.net, normalize_grad=False, offset_lr_rate=1.0)
    return replace(cfg.net, offset_lr_rate=offset_lr_rate(cfg))


def carry(cfg) -> Carry | None:
    """What the gradients of offsets that are parameters add to later ones; None: nothing.

    Normalised gradients are carried as they were used, rate and all. Others have their rate from the operator.
    """
    if not cfg.faults.carried_offset_gradient:
        return None
    return Carry(True, offset_lr_rate(cfg)) if cfg.net.normalize_grad else Carry()


def check(cfg, kinds: Iterable[str]) -> None:
    """Raises ValueError for a fault that a network without such layers cannot have. kinds: of its looking layers."""
    wrong = [
        ("carried_offset_gradient", cfg.faults.carried_offset_gradient, "active"),
        ("offset_lr_rate", cfg.faults.offset_lr_rate, "active"),
        ("undeformed_weight_gradient", cfg.faults.undeformed_weight_gradient, "deformable"),
    ]
    for key, value, kind in wrong:
        if value and kind not in kinds:
            there = ", ".join(sorted(set(kinds))) or "none"
            raise ValueError(f"faults.{key}: got {value}, but {cfg.symbol} has no {kind} convolution; "
                             f"its layers that look: {there}")  # fmt: skip
