# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution, plain and modulated, in PyTorch."""

from __future__ import annotations

import torch

from operators.for_torch import sampling
from operators.for_torch.arguments import as_batch, dimensions, given, number, padding_of, pair, share
from operators.for_torch.convolution import (
    GRID,
    NAMES,
    Convolution,
    grid_from_mxnet,
    grid_of,
    multiply_adds,
    offset_branch,
    output_shape,
    zero,
)
from operators.for_torch.functions import public, renamed
from operators.for_torch.operation import Operation

__all__ = ["DeformConv2d", "ModulatedDeformConv2d", "deform_conv2d"]


def _configure(shapes, settings):
    _, _, mask, weight, bias = shapes
    deformable_groups, filter_offset_groups, boundary = settings[4:]
    return "DeformableConvolution" if mask is None else "ModulatedDeformableConvolution", {
        **grid_of(weight, bias, *settings[:4]),
        "num_deformable_group": deformable_groups,
        "num_offset_group": filter_offset_groups,
        "boundary": boundary,
    }


def _composed(tensors, settings):
    data, offset, mask, weight, bias = tensors
    stride, padding, dilation, groups, deformable_groups, filter_offset_groups, boundary = settings
    out_size = output_shape(data.shape, weight.shape, settings)[2:]
    sets = (data.shape[0], filter_offset_groups, deformable_groups, weight.shape[2] * weight.shape[3])
    positions = out_size[0] * out_size[1]
    offset = offset.reshape(*sets, 2, positions)
    regular = sampling.grid(weight.shape, out_size, stride, padding, dilation, data)
    y, x = (points + offset[..., axis, :] for axis, points in enumerate(regular))
    mask = None if mask is None else mask.reshape(*sets, positions)
    return sampling.convolution(data, y, x, mask, weight, bias, groups, boundary, out_size)


def _onnx(tensors, settings):
    """ONNX's DeformConv, which fades over one pixel as "zero" does and has no offset sets over the filters."""
    data, offset, mask, weight, bias = tensors
    stride, padding, dilation, groups, deformable_groups, filter_offset_groups, boundary = settings
    if boundary != "zero" or filter_offset_groups != 1:
        return None
    attributes = {
        "kernel_shape": list(weight.shape[2:]),
        "strides": list(stride),
        "pads": [*padding, *padding],
        "dilations": list(dilation),
        "group": groups,
        "offset_group": deformable_groups,
    }
    return "DeformConv", 19, (data, weight, offset, bias, mask), attributes


_DEFORM_CONV2D = Operation(
    "deform_conv2d",
    tensors=("input", "offset", "mask?", "weight", "bias?"),
    settings=f"{GRID}, int deformable_groups, int filter_offset_groups, str boundary",
    configure=_configure,
    traced_shape=lambda shapes, settings: output_shape(shapes[0], shapes[3], settings),
    composed=_composed,
    images=("input", "offset", "mask"),
    differentiable=("input", "offset", "mask", "weight", "bias"),
    autocast_dtypes=(torch.float16, torch.bfloat16),
    onnx=_onnx,
    flops=lambda shapes, settings: multiply_adds(shapes[0], shapes[3], settings),
    names_here=NAMES,
)


@public(
    "Tensor input, Tensor offset, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, "
    "int[2] dilation=1, Tensor? mask=None, str boundary='zero', int filter_offset_groups=1",
    offset_groups="filter_offset_groups",
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
    filter_offset_groups=1,
):
    """Convolution whose taps are moved by `offset` at every output position, and weighted by `mask` where there is one.

    The signature, and under the default boundary the values, of torchvision.ops.deform_conv2d; as there, the groups of
    the weight and of the offsets are read off the shapes.

    Parameters
    ----------
    input : (N, C, H, W), or (C, H, W) with offset and mask without N
    offset : (N, filter_offset_groups * deformable_groups * 2 * kernel y * kernel x, H', W'); for each tap, row-major,
        dy then dx in pixels
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, dilation : int or (y, x)
    padding : int, (y, x), "valid" or "same"
    mask : (N, filter_offset_groups * deformable_groups * kernel y * kernel x, H', W') or None; used as it is, no
        sigmoid
    boundary : "zero", "inside" (stock MXNet's DeformableConvolution) or "border"
    filter_offset_groups : offset sets that split the filters; out_channels gives each filter its own. The deformable
        groups, which torchvision calls offset groups, split the channels. (Was offset_groups.)

    Returns (N, out_channels, H', W'), or without N. Sources: Dai et al., ICCV 2017; Zhu et al., CVPR 2019.
    """
    name = _DEFORM_CONV2D.name
    single, input, offset, mask = as_batch(name, input=input, offset=offset, mask=mask)
    dimensions(name, "offset", offset, 4, "(N, filter_offset_groups * deformable_groups * 2 * taps, H', W')")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    filter_offset_groups = number(name, "filter_offset_groups", filter_offset_groups)
    channels, taps = input.shape[1], filter_offset_groups * weight.shape[2] * weight.shape[3]
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    out = _DEFORM_CONV2D(
        input,
        offset,
        mask,
        weight,
        bias,
        stride,
        padding_of(name, padding, weight.shape[2:], stride, dilation),
        dilation,
        share(name, "the channels of input must be a multiple of weight.shape[1]", channels, weight.shape[1]),
        share(
            name,
            "the channels of offset must be a multiple of 2 * filter_offset_groups * kernel y * kernel x",
            offset.shape[1],
            2 * taps,
        ),
        filter_offset_groups,
        boundary,
    )
    return out[0] if single else out


def refuse_impossible(layer: Convolution, deformable_groups: int, filter_offset_groups: int = 1) -> None:
    """OperatorError for a layer whose sizes, groups or boundary no input fits."""
    input, weight, bias, size = layer.least_shapes()
    sets = deformable_groups * filter_offset_groups
    offset = (1, 2 * sets * layer.kernel_size[0] * layer.kernel_size[1], *size)
    settings = (*layer.grid(), deformable_groups, filter_offset_groups, layer.boundary)
    _DEFORM_CONV2D.check_layer(type(layer).__name__, (input, offset, None, weight, bias), settings)


class DeformConv2d(Convolution):
    """Deformable convolution with its own offset branch; (N, in_channels, H, W) -> (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias : as torch.nn.Conv2d
    deformable_groups : offset sets that split the input channels
    filter_offset_groups : offset sets that split the filters (was offset_groups)
    boundary : as deform_conv2d
    offset_dilation : dilation of the branch, default that of the layer
    offset_lr_mult : learning-rate multiplier that `param_groups` gives the branch

    The branch `conv_offset` has the kernel size and stride of the layer and starts at zero: an ordinary convolution.
    """

    _numbers_per_tap = 2

    @renamed(offset_groups="filter_offset_groups")
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
        filter_offset_groups=1,
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
        )
        name = type(self).__name__
        self.deformable_groups = number(name, "deformable_groups", deformable_groups)
        self.filter_offset_groups = number(name, "filter_offset_groups", filter_offset_groups)
        self.offset_lr_mult = offset_lr_mult
        sets = self.filter_offset_groups * self.deformable_groups
        self._points = sets * self.kernel_size[0] * self.kernel_size[1]
        refuse_impossible(self, self.deformable_groups, self.filter_offset_groups)
        self.conv_offset = offset_branch(self, self._numbers_per_tap * self._points, offset_dilation, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        zero(self.conv_offset)

    def offset_parameters(self) -> list:
        return list(self.conv_offset.parameters())

    def forward(self, input):
        return deform_conv2d(
            input,
            self.conv_offset(input),
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            None,
            self.boundary,
            self.filter_offset_groups,
        )

    def extra_repr(self) -> str:
        return (
            super().extra_repr()
            + f", deformable_groups={self.deformable_groups}, filter_offset_groups={self.filter_offset_groups}"
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
        return deform_conv2d(
            input,
            branch.narrow(-3, 0, 2 * self._points),
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.mask_scale * branch.narrow(-3, 2 * self._points, self._points).sigmoid(),
            self.boundary,
            self.filter_offset_groups,
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + f", mask_scale={self.mask_scale}"


def _from_mxnet(default_boundary):
    def function(attributes, data, offset, weight, bias=None, mask=None):
        found = given(attributes, boundary="boundary", filter_offset_groups="num_offset_group")
        more = {"boundary": default_boundary, **found}
        return deform_conv2d(data, offset, weight, bias, **grid_from_mxnet(attributes), mask=mask, **more)

    return function


OPERATIONS = (_DEFORM_CONV2D,)
MXNET = {  # with stock MXNet's defaults
    "DeformableConvolution": _from_mxnet("inside"),
    "ModulatedDeformableConvolution": _from_mxnet("zero"),
}
