# SPDX-License-Identifier: Apache-2.0
"""Shift in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import as_batch, given, number
from operators.for_torch.convolution import parameters_of
from operators.for_torch.functions import public
from operators.for_torch.operation import Operation
from operators.for_torch.sampling import sample

__all__ = ["Shift", "shift2d"]


def _composed(tensors, settings):
    data, offset = tensors
    images, channels, height, width = data.shape
    y = torch.arange(height, dtype=data.dtype, device=data.device).view(1, -1, 1) + offset[:, 0].view(-1, 1, 1)
    x = torch.arange(width, dtype=data.dtype, device=data.device).view(1, 1, -1) + offset[:, 1].view(-1, 1, 1)
    y, x = (points.expand(channels, height, width).reshape(1, 1, channels, height * width) for points in (y, x))
    return sample(data.unsqueeze(2), y, x, settings[0]).reshape(images, channels, height, width)


_SHIFT2D = Operation(
    "shift2d",
    tensors=("input", "offset"),
    settings="str boundary",
    configure=lambda shapes, settings: ("Shift", {"boundary": settings[0]}),
    traced_shape=lambda shapes, settings: shapes[0],
    composed=_composed,
    images=("input",),
    differentiable=("input", "offset"),
    autocast_dtypes=(torch.float16,),
)


@public("Tensor input, Tensor offset, str boundary='zero'")
def shift2d(input, offset, boundary="zero"):
    """Reads every channel at its own displacement: out[n, c, y, x] = input[n, c, y + offset[c, 0], x + offset[c, 1]].

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
    offset : (C, 2), dy and dx in pixels
    boundary : "zero", "inside" or "border"

    Returns a tensor shaped as input. Source: Jeon and Kim, NeurIPS 2018 (active shift).
    """
    single, input = as_batch(_SHIFT2D.name, input=input)
    out = _SHIFT2D(input, offset, boundary)
    return out[0] if single else out


class Shift(nn.Module):
    """Reads every channel at its own learned displacement; input and output (N, channels, H, W).

    `offset` (channels, 2), dy and dx in pixels, starts uniform in (-1, 1), which spreads the channels over the eight
    neighbours. offset_lr_mult : learning-rate multiplier that `param_groups` gives it.
    """

    def __init__(self, channels, boundary="zero", offset_lr_mult=1.0, device=None, dtype=None):
        super().__init__()
        channels = number(type(self).__name__, "channels", channels)
        _SHIFT2D.check_layer(type(self).__name__, ((1, channels, 1, 1), (channels, 2)), (boundary,))
        self.boundary, self.offset_lr_mult = boundary, offset_lr_mult
        self.offset = nn.Parameter(torch.empty(channels, 2, device=device, dtype=dtype))
        self.reset_parameters()

    offsets_decay = False

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.offset, -1, 1)

    def offset_parameters(self) -> list:
        return parameters_of(self, "offset")

    def forward(self, input):
        return shift2d(input, self.offset, self.boundary)

    def extra_repr(self) -> str:
        return f"{self.offset.shape[0]}, boundary={self.boundary!r}"


def _from_mxnet(attributes, data, offset):
    return shift2d(data, offset, **given(attributes, boundary="boundary"))


OPERATIONS = (_SHIFT2D,)
MXNET = {"Shift": _from_mxnet}
