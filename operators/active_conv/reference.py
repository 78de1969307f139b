# SPDX-License-Identifier: Apache-2.0
"""ActiveConvolution in NumPy, float64: the definition.

Source: Jeon and Kim, Active Convolution: Learning the Shape of Convolution for Image Classification, CVPR 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference import Reference
from operators.core.reference_conv import ConvAttributes, Points, conv_backward, conv_forward


@dataclass(frozen=True)
class ActiveAttributes(ConvAttributes):
    num_offset_group: int = 1
    normalize_grad: bool = False
    offset_lr_rate: float = 1.0
    fixed_taps: tuple = ()

    @property
    def filter_sets(self) -> int:
        return self.num_offset_group


def _points(a: ActiveAttributes, data, offset) -> Points:
    N, _, H, W = data.shape
    y, x = a.grid(H, W)
    moved = offset.reshape(a.num_offset_group, a.num_deformable_group, a.taps, 1, 2)
    y, x = y + moved[..., 0], x + moved[..., 1]
    return Points(np.broadcast_to(y, (N, *y.shape)), np.broadcast_to(x, (N, *x.shape)))  # the same for every image


def active_convolution(data, offset, weight, bias=None, **attributes):
    """Convolution whose taps stand at the regular dilated grid plus `offset`, the same at every position.

    Parameters
    ----------
    data : (N, C, H, W)
    offset : (num_offset_group, num_deformable_group, kernel y, kernel x, 2), (dy, dx) in input pixels
    weight : (num_filter, C / num_group, kernel y, kernel x)
    bias : (num_filter,), absent with no_bias
    **attributes : the fields of ActiveAttributes; TypeError for one that is unknown or, of kernel and
        num_filter, missing.

    Returns
    -------
    (N, num_filter, H', W') float64
    """
    a = ActiveAttributes(**attributes)
    data, offset, weight = (np.asarray(v, np.float64) for v in (data, offset, weight))
    return conv_forward(a, _points(a, data, offset), data, weight, bias)


def active_convolution_backward(out_grad, data, offset, weight, bias=None, **attributes):
    """The gradients of sum(out_grad * output): [data, offset, weight] and, with a bias, bias; shaped as the inputs.

    The offset gradient is summed over images and positions. Then, with normalize_grad, each tap's (dy, dx) is divided
    by its norm (0 stays 0); it is multiplied by offset_lr_rate; and taps in fixed_taps (row-major numbers) get 0.
    """
    a = ActiveAttributes(**attributes)
    out_grad, data, offset, weight = (np.asarray(v, np.float64) for v in (out_grad, data, offset, weight))
    g = conv_backward(a, _points(a, data, offset), out_grad, data, weight)
    pairs = np.stack([g.y.sum((0, -1)), g.x.sum((0, -1))], axis=-1)  # (filter sets, channel sets, taps, 2)
    if a.normalize_grad:
        norm = np.sqrt((pairs**2).sum(-1, keepdims=True))
        pairs = pairs / np.where(norm == 0, 1, norm)
    pairs = pairs * a.offset_lr_rate
    pairs[:, :, list(a.fixed_taps)] = 0
    grads = [g.data, pairs.reshape(offset.shape), g.weight]
    return grads if a.no_bias else [*grads, g.bias]


REFERENCES = {"ActiveConvolution": Reference(ActiveAttributes, active_convolution, active_convolution_backward)}
