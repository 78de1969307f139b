# SPDX-License-Identifier: Apache-2.0
"""Active convolution in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch import sampling
from operators.for_torch.arguments import as_batch, dimensions, given, number, padding_of, pair
from operators.for_torch.convolution import (
    GRID,
    NAMES,
    Convolution,
    grid_from_mxnet,
    grid_of,
    multiply_adds,
    output_shape,
    parameters_of,
)
from operators.for_torch.functions import public, renamed
from operators.for_torch.operation import Operation

__all__ = ["ActiveConv2d", "active_conv2d"]


def _configure(shapes, settings):
    _, offset, weight, bias = shapes
    boundary, normalize_grad, offset_grad_scale, fixed_taps = settings[4:]
    return "ActiveConvolution", {
        **grid_of(weight, bias, *settings[:4]),
        "num_offset_group": offset[0],
        "num_deformable_group": offset[1],
        "boundary": boundary,
        "normalize_grad": normalize_grad,
        "offset_lr_rate": offset_grad_scale,
        "fixed_taps": fixed_taps or (),
    }


def _composed(tensors, settings):
    data, offset, weight, bias = tensors
    stride, padding, dilation, groups, boundary = settings[:5]
    out_size = output_shape(data.shape, weight.shape, settings)[2:]
    offset = offset.flatten(2, 3).unsqueeze(0)
    regular = sampling.grid(weight.shape, out_size, stride, padding, dilation, data)
    y, x = (points + offset[..., axis].unsqueeze(-1) for axis, points in enumerate(regular))
    return sampling.convolution(data, y, x, None, weight, bias, groups, boundary, out_size)


def _defined_gradient(settings) -> str:
    _, normalize_grad, offset_grad_scale, fixed_taps = settings[4:]
    if normalize_grad:
        return "normalize_grad"
    return "offset_grad_scale" if offset_grad_scale != 1 else "fixed_taps" if fixed_taps else ""


_ACTIVE_CONV2D = Operation(
    "active_conv2d",
    tensors=("input", "offset", "weight", "bias?"),
    # Optional, because AOTInductor's packages turn an empty list into None.
    settings=f"{GRID}, str boundary, bool normalize_grad, float offset_grad_scale, int[]? fixed_taps",
    configure=_configure,
    traced_shape=lambda shapes, settings: output_shape(shapes[0], shapes[2], settings),
    composed=_composed,
    images=("input",),
    defined_gradient=_defined_gradient,
    differentiable=("input", "offset", "weight", "bias"),
    autocast_dtypes=(torch.float16,),  # its offsets are parameters: bfloat16 would round them to 8 bits
    flops=lambda shapes, settings: multiply_adds(shapes[0], shapes[2], settings),
    names_here={**NAMES, "offset_lr_rate": "offset_grad_scale"},
)


@public(
    "Tensor input, Tensor offset, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, "
    "int[2] dilation=1, int groups=1, str boundary='zero', bool normalize_grad=False, float offset_grad_scale=1.0, "
    "int[] fixed_taps=[]",
    offset_lr_rate="offset_grad_scale",
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
    offset_grad_scale=1.0,
    fixed_taps=(),
):
    """Convolution whose taps stand at the regular grid plus `offset`, the same for all images and positions.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
    offset : (filter_offset_groups, deformable_groups, kernel y, kernel x, 2), dy and dx of each tap in input pixels.
        The first axis splits the filters, the second the input channels; 0 is torch.nn.functional.conv2d under zero and
        inside.
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, dilation : int or (y, x)
    padding : int, (y, x), "valid" or "same"
    groups : int
    boundary : what a point outside the map reads: "zero" (fading over one pixel), "inside" (0) or "border" (the edge)
    normalize_grad : divide each tap's (dy, dx) gradient by its norm
    offset_grad_scale : factor on the offset gradient (was offset_lr_rate)
    fixed_taps : row-major numbers of taps whose offset gradient is 0

    Returns (N, out_channels, H', W'), or without N. Source: Jeon and Kim, Active Convolution, CVPR 2017.
    """
    name = _ACTIVE_CONV2D.name
    dimensions(name, "offset", offset, 5, "(filter_offset_groups, deformable_groups, kernel y, kernel x, 2)")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    single, input = as_batch(name, input=input)
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    out = _ACTIVE_CONV2D(
        input,
        offset,
        weight,
        bias,
        stride,
        padding_of(name, padding, weight.shape[2:], stride, dilation),
        dilation,
        number(name, "groups", groups),
        boundary,
        normalize_grad,
        offset_grad_scale,
        fixed_taps,
    )
    return out[0] if single else out


class ActiveConv2d(Convolution):
    """Convolution whose taps learn where to look; input (N, in_channels, H, W), output (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias : as torch.nn.Conv2d
    filter_offset_groups : offset sets that split the filters; out_channels gives each filter its own. (Was
        offset_groups.)
    deformable_groups : offset sets that split the input channels
    boundary, normalize_grad, offset_grad_scale, fixed_taps : as active_conv2d
    offset_lr_mult : learning-rate multiplier that `param_groups` gives the offsets

    `offset` (filter_offset_groups, deformable_groups, kernel y, kernel x, 2), dy and dx in pixels, starts at zero.
    """

    offsets_decay = False

    @renamed(offset_groups="filter_offset_groups", offset_lr_rate="offset_grad_scale")
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
        filter_offset_groups=1,
        deformable_groups=1,
        boundary="zero",
        normalize_grad=False,
        offset_grad_scale=1.0,
        fixed_taps=(),
        offset_lr_mult=1.0,
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, boundary, device, dtype
        )
        self.normalize_grad, self.offset_grad_scale = normalize_grad, float(offset_grad_scale)
        self.fixed_taps, self.offset_lr_mult = tuple(fixed_taps), offset_lr_mult
        name = type(self).__name__
        sets = (
            number(name, "filter_offset_groups", filter_offset_groups),
            number(name, "deformable_groups", deformable_groups),
        )
        shape = (*sets, *self.kernel_size, 2)
        self._check(shape)
        self.offset = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.reset_parameters()

    def _check(self, offset: tuple) -> None:
        input, weight, bias, _ = self.least_shapes()
        settings = (*self.grid(), self.boundary, self.normalize_grad, self.offset_grad_scale, self.fixed_taps)
        _ACTIVE_CONV2D.check_layer(type(self).__name__, (input, offset, weight, bias), settings)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.offset)

    def offset_parameters(self) -> list:
        return parameters_of(self, "offset")

    def _apply(self, fn, recurse=True):
        """Memory formats are for maps: `to(memory_format=...)` must not see five axes, which no format of maps fits."""

        def apply(tensor):
            return fn(tensor.flatten(2)).unflatten(2, tensor.shape[2:]) if tensor.dim() == 5 else fn(tensor)

        return super()._apply(apply, recurse)

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
            self.offset_grad_scale,
            self.fixed_taps,
        )

    def extra_repr(self) -> str:
        text = super().extra_repr() + f", filter_offset_groups={self.offset.shape[0]}"
        return text + f", deformable_groups={self.offset.shape[1]}, normalize_grad={self.normalize_grad}"


def _from_mxnet(attributes, data, offset, weight, bias=None):
    same = {name: name for name in ("boundary", "normalize_grad", "fixed_taps")}
    more = given(attributes, groups="num_group", offset_grad_scale="offset_lr_rate", **same)
    return active_conv2d(data, offset, weight, bias, **grid_from_mxnet(attributes), **more)


OPERATIONS = (_ACTIVE_CONV2D,)
MXNET = {"ActiveConvolution": _from_mxnet}
