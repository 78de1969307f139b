# SPDX-License-Identifier: Apache-2.0
"""Floating-point operations for torch.utils.flop_counter.FlopCounterMode."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import register_flop_formula


def register(operation) -> None:
    """The counter hands over shapes in the place of tensors."""
    count = operation.count

    def forward(*args, **_) -> int:
        return operation.flops(args[:count], args[count:])

    def backward(grad, *args, **_) -> int:
        """As many as forward for the weights' gradient, and as many for all that is read at the points."""
        wanted = dict(zip(operation.names, args[-1]))
        products = wanted["weight"] + any(wanted[name] for name in wanted if name not in ("weight", "bias"))
        return products * operation.flops(args[:count], args[count:-1])

    for name, formula in ((operation.name, forward), (f"{operation.name}_backward", backward)):
        register_flop_formula([getattr(torch.ops.active_convnets, name)])(formula)
