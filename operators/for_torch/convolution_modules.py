# SPDX-License-Identifier: Apache-2.0
"""Convolution layers. Names in the state_dict: weight, bias, offset (active), conv_offset.weight and .bias (deformable;
mmcv's packs have the same, so their checkpoints load)."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.branch import Convolution, offset_branch
from operators.for_torch.functional import active_conv2d, deform_conv2d, shift2d


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
