# SPDX-License-Identifier: Apache-2.0
"""Active convolution in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import dimensions, given, pair
from operators.for_torch.convolution import GRID, NAMES, Convolution, grid_from_mxnet, grid_of, output_shape
from operators.for_torch.operation import Operation

__all__ = ["ActiveConv2d", "active_conv2d"]


def _configure(shapes, settings):
    _, offset, weight, bias = shapes
    boundary, normalize_grad, offset_lr_rate, fixed_taps = settings[4:]
    return "ActiveConvolution", {
        **grid_of(weight, bias, *settings[:4]),
        "num_offset_group": offset[0],
        "num_deformable_group": offset[1],
        "boundary": boundary,
        "normalize_grad": normalize_grad,
        "offset_lr_rate": offset_lr_rate,
        "fixed_taps": fixed_taps,
    }


_ACTIVE_CONV2D = Operation(
    "active_conv2d",
    tensors=("input", "offset", "weight", "bias?"),
    settings=f"{GRID}, str boundary, bool normalize_grad, float offset_lr_rate, int[] fixed_taps",
    configure=_configure,
    traced_shape=lambda shapes, settings: output_shape(shapes[0], shapes[2], settings),
    differentiable=("input", "offset", "weight", "bias"),
    autocast_dtypes=(torch.float16,),  # its offsets are parameters: bfloat16 would round them to 8 bits
    names_here=NAMES,
)


def active_conv2d(
    input,
    offset,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    boundary="zero",
    normalize_grad=False,
    offset_lr_rate=1.0,
    fixed_taps=(),
):
    """Convolution whose taps stand at the regular grid plus `offset`, the same for all images and positions.

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (offset_groups, deformable_groups, kernel y, kernel x, 2), dy and dx of each tap in input pixels. The first
        axis splits the filters, the second the input channels; 0 is torch.nn.functional.conv2d under zero and inside.
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, padding, dilation : int or (y, x)
    groups : int
    boundary : what a point outside the map reads: "zero" (fading over one pixel), "inside" (0) or "border" (the edge)
    normalize_grad : divide each tap's (dy, dx) gradient by its norm
    offset_lr_rate : factor on the offset gradient
    fixed_taps : row-major numbers of taps whose offset gradient is 0

    Returns (N, out_channels, H', W'). Source: Jeon and Kim, Active Convolution, CVPR 2017.
    """
    name = _ACTIVE_CONV2D.name
    dimensions(name, "offset", offset, 5, "(offset_groups, deformable_groups, kernel y, kernel x, 2)")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    return _ACTIVE_CONV2D.call(
        input,
        offset,
        weight,
        bias,
        pair(name, "stride", stride),
        pair(name, "padding", padding),
        pair(name, "dilation", dilation),
        groups,
        boundary,
        normalize_grad,
        offset_lr_rate,
        fixed_taps,
    )


class ActiveConv2d(Convolution):
    """Convolution whose taps learn where to look; input (N, in_channels, H, W), output (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias : as torch.nn.Conv2d
    offset_groups : offset sets that split the filters; out_channels gives each filter its own
    deformable_groups : offset sets that split the input channels
    boundary, normalize_grad, offset_lr_rate, fixed_taps : as active_conv2d
    offset_lr_mult : learning-rate multiplier that `param_groups` gives the offsets

    `offset` (offset_groups, deformable_groups, kernel y, kernel x, 2), dy and dx in pixels, starts at zero.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        offset_groups=1,
        deformable_groups=1,
        boundary="zero",
        normalize_grad=False,
        offset_lr_rate=1.0,
        fixed_taps=(),
        offset_lr_mult=1.0,
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
        )
        self.normalize_grad, self.offset_lr_rate, self.fixed_taps = normalize_grad, offset_lr_rate, tuple(fixed_taps)
        self.offset_lr_mult = offset_lr_mult
        sets = (offset_groups, deformable_groups)
        self.offset = nn.Parameter(torch.empty(*sets, *self.kernel_size, 2, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.offset)

    def offset_parameters(self) -> list:
        return [self.offset]

    def forward(self, input):
        return active_conv2d(
            input,
            self.offset,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.boundary,
            self.normalize_grad,
            self.offset_lr_rate,
            self.fixed_taps,
        )

    def extra_repr(self) -> str:
        text = super().extra_repr() + f", offset_groups={self.offset.shape[0]}"
        return text + f", deformable_groups={self.offset.shape[1]}, normalize_grad={self.normalize_grad}"


def _from_mxnet(attributes, data, offset, weight, bias=None):
    same = {name: name for name in ("boundary", "normalize_grad", "offset_lr_rate", "fixed_taps")}
    more = given(attributes, groups="num_group", **same)
    return active_conv2d(data, offset, weight, bias, **grid_from_mxnet(attributes), **more)


OPERATIONS = (_ACTIVE_CONV2D,)
MXNET = {"ActiveConvolution": _from_mxnet}
