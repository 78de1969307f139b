# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution, plain and modulated, in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import dimensions, given, pair, share
from operators.for_torch.convolution import (
    GRID,
    NAMES,
    Convolution,
    grid_from_mxnet,
    grid_of,
    offset_branch,
    output_shape,
)
from operators.for_torch.operation import Operation

__all__ = ["DeformConv2d", "ModulatedDeformConv2d", "deform_conv2d"]


def _configure(shapes, settings):
    _, _, mask, weight, bias = shapes
    deformable_groups, offset_groups, boundary = settings[4:]
    return "DeformableConvolution" if mask is None else "ModulatedDeformableConvolution", {
        **grid_of(weight, bias, *settings[:4]),
        "num_deformable_group": deformable_groups,
        "num_offset_group": offset_groups,
        "boundary": boundary,
    }


_DEFORM_CONV2D = Operation(
    "deform_conv2d",
    tensors=("input", "offset", "mask?", "weight", "bias?"),
    settings=f"{GRID}, int deformable_groups, int offset_groups, str boundary",
    configure=_configure,
    traced_shape=lambda shapes, settings: output_shape(shapes[0], shapes[3], settings),
    differentiable=("input", "offset", "mask", "weight", "bias"),
    autocast_dtypes=(torch.float16, torch.bfloat16),
    names_here=NAMES,
)


def deform_conv2d(
    input,
    offset,
    weight,
    bias=None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    mask=None,
    boundary="zero",
    offset_groups=1,
):
    """Convolution whose taps are moved by `offset` at every output position, and weighted by `mask` where there is one.

    The signature, and under the default boundary the values, of torchvision.ops.deform_conv2d; as there, the groups of
    the weight and of the offsets are read off the shapes.

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (N, offset_groups * deformable_groups * 2 * kernel y * kernel x, H', W'); for each tap, row-major, dy then
        dx in pixels
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, padding, dilation : int or (y, x)
    mask : (N, offset_groups * deformable_groups * kernel y * kernel x, H', W') or None; used as it is, no sigmoid
    boundary : "zero", "inside" (stock MXNet's DeformableConvolution) or "border"
    offset_groups : offset sets that split the filters; out_channels gives each filter its own

    Returns (N, out_channels, H', W'). Sources: Dai et al., ICCV 2017; Zhu et al., CVPR 2019.
    """
    name = _DEFORM_CONV2D.name
    dimensions(name, "input", input, 4, "(N, C, H, W)")
    dimensions(name, "offset", offset, 4, "(N, offset_groups * deformable_groups * 2 * taps, H', W')")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    channels, taps = input.shape[1], offset_groups * weight.shape[2] * weight.shape[3]
    return _DEFORM_CONV2D.call(
        input,
        offset,
        mask,
        weight,
        bias,
        pair(name, "stride", stride),
        pair(name, "padding", padding),
        pair(name, "dilation", dilation),
        share(name, "the channels of input must be a multiple of weight.shape[1]", channels, weight.shape[1]),
        share(
            name,
            "the channels of offset must be a multiple of 2 * offset_groups * kernel y * kernel x",
            offset.shape[1],
            2 * taps,
        ),
        offset_groups,
        boundary,
    )


class DeformConv2d(Convolution):
    """Deformable convolution with its own offset branch; (N, in_channels, H, W) -> (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias : as torch.nn.Conv2d
    deformable_groups : offset sets that split the input channels
    offset_groups : offset sets that split the filters
    boundary : as deform_conv2d
    offset_dilation : dilation of the branch, default that of the layer
    offset_lr_mult : learning-rate multiplier that `param_groups` gives the branch

    The branch `conv_offset` has the kernel size and stride of the layer and starts at zero: an ordinary convolution.
    """

    _numbers_per_tap = 2

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
        deformable_groups=1,
        boundary="zero",
        offset_dilation=None,
        offset_lr_mult=0.1,
        offset_groups=1,
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
        )
        self.deformable_groups, self.offset_groups = deformable_groups, offset_groups
        self.offset_lr_mult = offset_lr_mult
        self._points = offset_groups * deformable_groups * self.kernel_size[0] * self.kernel_size[1]
        self.conv_offset = offset_branch(self, self._numbers_per_tap * self._points, offset_dilation, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)

    def offset_parameters(self) -> list:
        return list(self.conv_offset.parameters())

    def _convolution(self, input, offset, mask=None):
        where = (self.stride, self.padding, self.dilation)
        more = {"boundary": self.boundary, "offset_groups": self.offset_groups}
        return deform_conv2d(input, offset, self.weight, self.bias, *where, mask=mask, **more)

    def forward(self, input):
        return self._convolution(input, self.conv_offset(input))

    def extra_repr(self) -> str:
        return (
            super().extra_repr() + f", deformable_groups={self.deformable_groups}, offset_groups={self.offset_groups}"
        )


class ModulatedDeformConv2d(DeformConv2d):
    """As DeformConv2d, and the branch also computes a factor for every sample, mask_scale * sigmoid.

    mask_scale : 2 starts as the ordinary convolution (the authors' example); 1 is the paper's and mmcv's, which starts
        at half of it
    """

    _numbers_per_tap = 3

    def __init__(self, *args, mask_scale=2.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.mask_scale = mask_scale

    def forward(self, input):
        branch = self.conv_offset(input)
        offset, mask = branch[:, : 2 * self._points], branch[:, 2 * self._points :]
        return self._convolution(input, offset, self.mask_scale * mask.sigmoid())

    def extra_repr(self) -> str:
        return super().extra_repr() + f", mask_scale={self.mask_scale}"


def _from_mxnet(default_boundary):
    def function(attributes, data, offset, weight, bias=None, mask=None):
        found = given(attributes, boundary="boundary", offset_groups="num_offset_group")
        more = {"boundary": default_boundary, **found}
        return deform_conv2d(data, offset, weight, bias, **grid_from_mxnet(attributes), mask=mask, **more)

    return function


OPERATIONS = (_DEFORM_CONV2D,)
MXNET = {  # with stock MXNet's defaults
    "DeformableConvolution": _from_mxnet("inside"),
    "ModulatedDeformableConvolution": _from_mxnet("zero"),
}
