# SPDX-License-Identifier: Apache-2.0
"""Shift in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import given
from operators.for_torch.operation import Operation

__all__ = ["Shift", "shift2d"]

_SHIFT2D = Operation(
    "shift2d",
    tensors=("input", "offset"),
    settings="str boundary",
    configure=lambda shapes, settings: ("Shift", {"boundary": settings[0]}),
    traced_shape=lambda shapes, settings: shapes[0],
    differentiable=("input", "offset"),
    autocast_dtypes=(torch.float16,),
)


def shift2d(input, offset, boundary="zero"):
    """Reads every channel at its own displacement: out[n, c, y, x] = input[n, c, y + offset[c, 0], x + offset[c, 1]].

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (C, 2), dy and dx in pixels
    boundary : "zero", "inside" or "border"

    Returns a tensor shaped as input. Source: Jeon and Kim, NeurIPS 2018 (active shift).
    """
    return _SHIFT2D.call(input, offset, boundary)


class Shift(nn.Module):
    """Reads every channel at its own learned displacement; input and output (N, channels, H, W).

    `offset` (channels, 2), dy and dx in pixels, starts uniform in (-1, 1), which spreads the channels over the eight
    neighbours. offset_lr_mult : learning-rate multiplier that `param_groups` gives it.
    """

    def __init__(self, channels, boundary="zero", offset_lr_mult=1.0, device=None, dtype=None):
        super().__init__()
        self.boundary, self.offset_lr_mult = boundary, offset_lr_mult
        self.offset = nn.Parameter(torch.empty(channels, 2, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.offset, -1, 1)

    def offset_parameters(self) -> list:
        return [self.offset]

    def forward(self, input):
        return shift2d(input, self.offset, self.boundary)

    def extra_repr(self) -> str:
        return f"{self.offset.shape[0]}, boundary={self.boundary!r}"


def _from_mxnet(attributes, data, offset):
    return shift2d(data, offset, **given(attributes, boundary="boundary"))


OPERATIONS = (_SHIFT2D,)
MXNET = {"Shift": _from_mxnet}
