# SPDX-License-Identifier: Apache-2.0
"""The deformable convolutions of mmcv.ops under mmcv's names, with its argument order, defaults and parameter names.

Import them from here instead of mmcv.ops; mmcv is not needed. Batches need not be multiples of im2col_step, which means
nothing here.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from operators.for_torch.arguments import dimensions, must_be_tensors, number
from operators.for_torch.convolution import Convolution, offset_branch, zero
from operators.for_torch.functions import renamed
from operators.for_torch.ops import deform_conv
from operators.library import OperatorError

__all__ = [
    "DeformConv2d",
    "DeformConv2dPack",
    "ModulatedDeformConv2d",
    "ModulatedDeformConv2dPack",
    "deform_conv2d",
    "modulated_deform_conv2d",
]


def deform_conv2d(
    input, offset, weight, stride=1, padding=0, dilation=1, groups=1, deform_groups=1, bias=False, im2col_step=32
):
    """mmcv.ops.deform_conv2d. bias must be False, as there; everything is computed in the dtype of offset, as there."""
    _no_bias("deform_conv2d", bias)
    return _convolution(
        "deform_conv2d", input, offset, None, weight, None, (stride, padding, dilation), groups, deform_groups
    )


def modulated_deform_conv2d(
    input, offset, mask, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, deform_groups=1
):
    """mmcv.ops.modulated_deform_conv2d; everything is computed in the dtype of offset, as there."""
    where = (stride, padding, dilation)
    return _convolution("modulated_deform_conv2d", input, offset, mask, weight, bias, where, groups, deform_groups)


def _convolution(name, input, offset, mask, weight, bias, where, groups, deform_groups):
    optional = {"mask": mask, "bias": bias}
    present = {key: value for key, value in optional.items() if value is not None}
    must_be_tensors(name, input=input, offset=offset, weight=weight, **present)
    dimensions(name, "input", input, 4, "(N, C, H, W)")
    dimensions(name, "offset", offset, 4, "(N, 2 * deform_groups * taps, H', W')")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    taps = weight.shape[2] * weight.shape[3]
    if input.shape[1] != groups * weight.shape[1]:
        raise OperatorError(
            f"{name}: input must have groups * weight.shape[1] = {groups * weight.shape[1]} channels, got "
            f"{input.shape[1]}"
        )
    if offset.shape[1] != 2 * deform_groups * taps:
        raise OperatorError(
            f"{name}: offset must have 2 * deform_groups * kernel y * kernel x = {2 * deform_groups * taps} channels, "
            f"got {offset.shape[1]}"
        )
    input, mask, weight, bias = (each if each is None else each.type_as(offset) for each in (input, mask, weight, bias))
    return deform_conv.deform_conv2d(input, offset, weight, bias, *where, mask)


def _no_bias(name, bias) -> None:
    if bias:
        raise OperatorError(f"{name}: bias must be False, as in mmcv, got {bias!r}")


class _Layer(Convolution):
    """What all four have in common: mmcv's attributes, which subclasses read."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, *, deform_groups, bias
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, "zero", None, None
        )
        self.deform_groups = number(type(self).__name__, "deform_groups", deform_groups)
        deform_conv.refuse_impossible(self, self.deform_groups)
        self.transposed, self.output_padding = False, (0,)

    def _branch(self, numbers_per_tap: int) -> nn.Conv2d:
        taps = self.kernel_size[0] * self.kernel_size[1]
        branch = offset_branch(self, numbers_per_tap * self.deform_groups * taps, None, None, None)
        zero(branch)
        return branch

    def _arguments(self) -> tuple:
        return (self.stride, self.padding, self.dilation, self.groups, self.deform_groups)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, deform_groups={self.deform_groups}"


class DeformConv2d(_Layer):
    """mmcv.ops.DeformConv2d, called with (x, offset). No bias, as there."""

    @renamed(deformable_groups="deform_groups")
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        deform_groups=1,
        bias=False,
        im2col_step=32,
    ):
        _no_bias(type(self).__name__, bias)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            deform_groups=deform_groups,
            bias=False,
        )
        self.im2col_step = im2col_step
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, x, offset):
        return deform_conv2d(x, offset, self.weight, *self._arguments())


class ModulatedDeformConv2d(_Layer):
    """mmcv.ops.ModulatedDeformConv2d, called with (x, offset, mask); the mask is used as it is."""

    @renamed(deformable_groups="deform_groups")
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        deform_groups=1,
        bias=True,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            deform_groups=deform_groups,
            bias=bool(bias),
        )
        self.init_weights()

    def init_weights(self) -> None:
        bound = 1 / math.sqrt(self.in_channels * self.kernel_size[0] * self.kernel_size[1])
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x, offset, mask):
        return modulated_deform_conv2d(x, offset, mask, self.weight, self.bias, *self._arguments())


class _Pack(nn.Module):
    """A layer with its own branch, `conv_offset`. Checkpoints of the DCNv2 forks, whose DCN calls it conv_offset_mask,
    load as well."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for kind in ("weight", "bias"):
            new, old = f"{prefix}conv_offset.{kind}", f"{prefix}conv_offset_mask.{kind}"
            if new not in state_dict and old in state_dict:
                state_dict[new] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)


class DeformConv2dPack(_Pack, DeformConv2d):
    """mmcv.ops.DeformConv2dPack: computes its own offsets by `conv_offset`, which starts at zero."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conv_offset = self._branch(2)

    def init_offset(self) -> None:
        zero(self.conv_offset)

    def forward(self, x):  # type: ignore[override]  # as in mmcv
        return super().forward(x, self.conv_offset(x))


class ModulatedDeformConv2dPack(_Pack, ModulatedDeformConv2d):
    """mmcv.ops.ModulatedDeformConv2dPack: computes its own offsets and mask, a sigmoid, by `conv_offset`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conv_offset = self._branch(3)

    def init_weights(self) -> None:
        super().init_weights()
        if hasattr(self, "conv_offset"):  # not yet while the parent class is made
            zero(self.conv_offset)

    def forward(self, x):  # type: ignore[override]  # as in mmcv
        y, x_too, mask = self.conv_offset(x).chunk(3, 1)
        return super().forward(x, torch.cat((y, x_too), 1), mask.sigmoid())
