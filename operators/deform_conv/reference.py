# SPDX-License-Identifier: Apache-2.0
"""The two deformable convolutions in NumPy, float64: the definition.

Sources: Dai et al., Deformable Convolutional Networks, ICCV 2017; Zhu et al., Deformable ConvNets v2, CVPR 2019.
Attributes and their defaults are those of MXNet 1.9.1, and `boundary`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference import Reference
from operators.core.reference_conv import ConvAttributes, Points, conv_backward, conv_forward


@dataclass(frozen=True)
class DeformableAttributes(ConvAttributes):
    boundary: str = "inside"
    num_offset_group: int = 1  # offset sets over the filters; stock MXNet has one
    workspace: int = 1024  # means nothing, as in MXNet
    layout: str = "None"  # or "NCHW", which is what None means

    @property
    def filter_sets(self) -> int:
        return self.num_offset_group


@dataclass(frozen=True)
class ModulatedAttributes(ConvAttributes):
    boundary: str = "zero"
    num_offset_group: int = 1
    workspace: int = 1024
    layout: str = "None"
    im2col_step: int = 64  # means nothing

    @property
    def filter_sets(self) -> int:
        return self.num_offset_group


def _points(a: ConvAttributes, data, offset, mask=None) -> Points:
    N, _, H, W = data.shape
    y, x = a.grid(H, W)
    positions = y.shape[1]
    sets = (N, a.filter_sets, a.num_deformable_group, a.taps)
    moved = offset.reshape(*sets, 2, positions)  # per tap: a map of dy, then one of dx
    if mask is not None:
        mask = mask.reshape(*sets, positions)
    return Points(y + moved[..., 0, :], x + moved[..., 1, :], mask)


def _offset_grad(g, offset):
    return np.stack([g.y, g.x], axis=-2).reshape(offset.shape)


def deformable_convolution(data, offset, weight, bias=None, **attributes):
    """Convolution whose taps stand, at every output position, at the regular dilated grid plus `offset` there.

    Parameters
    ----------
    data : (N, C, H, W)
    offset : (N, num_offset_group * num_deformable_group * 2 * kernel y * kernel x, H', W') in input pixels: set over
        the filters by set, set over the channels by set, tap by tap (row-major), a map of dy and then one of dx
    weight : (num_filter, C / num_group, kernel y, kernel x)
    bias : (num_filter,), absent with no_bias
    **attributes : the fields of DeformableAttributes; TypeError for one that is unknown or, of kernel
        and num_filter, missing.

    Returns
    -------
    (N, num_filter, H', W') float64
    """
    a = DeformableAttributes(**attributes)
    data, offset, weight = (np.asarray(v, np.float64) for v in (data, offset, weight))
    return conv_forward(a, _points(a, data, offset), data, weight, bias)


def deformable_convolution_backward(out_grad, data, offset, weight, bias=None, **attributes):
    """The gradients of sum(out_grad * output): [data, offset, weight] and, with a bias, bias; shaped as the inputs."""
    a = DeformableAttributes(**attributes)
    out_grad, data, offset, weight = (np.asarray(v, np.float64) for v in (out_grad, data, offset, weight))
    g = conv_backward(a, _points(a, data, offset), out_grad, data, weight)
    grads = [g.data, _offset_grad(g, offset), g.weight]
    return grads if a.no_bias else [*grads, g.bias]


def modulated_deformable_convolution(data, offset, mask, weight, bias=None, **attributes):
    """As deformable_convolution (default boundary "zero"), every sample multiplied by its own factor.

    mask : (N, num_offset_group * num_deformable_group * kernel y * kernel x, H', W'), used as it
        is (no sigmoid), finite
    **attributes : the fields of ModulatedAttributes
    """
    a = ModulatedAttributes(**attributes)
    data, offset, mask, weight = (np.asarray(v, np.float64) for v in (data, offset, mask, weight))
    return conv_forward(a, _points(a, data, offset, mask), data, weight, bias)


def modulated_deformable_convolution_backward(out_grad, data, offset, mask, weight, bias=None, **attributes):
    """The gradients of sum(out_grad * output): [data, offset, mask, weight] and, with a bias, bias."""
    a = ModulatedAttributes(**attributes)
    out_grad, data, offset, mask, weight = (np.asarray(v, np.float64) for v in (out_grad, data, offset, mask, weight))
    g = conv_backward(a, _points(a, data, offset, mask), out_grad, data, weight)
    grads = [g.data, _offset_grad(g, offset), g.mask.reshape(mask.shape), g.weight]
    return grads if a.no_bias else [*grads, g.bias]


REFERENCES = {
    "DeformableConvolution": Reference(DeformableAttributes, deformable_convolution, deformable_convolution_backward),
    "ModulatedDeformableConvolution": Reference(
        ModulatedAttributes, modulated_deformable_convolution, modulated_deformable_convolution_backward
    ),
}
