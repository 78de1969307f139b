# SPDX-License-Identifier: Apache-2.0
"""The 3x3 convolutions that learn where to look, as branches of res5 (`lib.nets.resnet_v1.Branch2b`)."""

from __future__ import annotations

import mxnet as mx

from lib.nets.operators import ActiveConvolution, DeformableConvolution, ModulatedDeformableConvolution
from lib.nets.res5 import bounded, geometry, offset_branch, predicted_points, sampling


def active(data, name, num_filter, net, stride):
    """Active convolution; its offsets are the parameter `<name>_offset`, added to the grid dilated by res5_dilate
    (Jeon and Kim 2017, arXiv 1703.09076)."""
    return ActiveConvolution(
        data=data,
        name=name,
        normalize_grad=net.normalize_grad,
        offset_lr_rate=net.offset_lr_rate,
        **geometry(num_filter, net, stride),
        **sampling(net),
    )


def deformable(data, name, num_filter, net, stride, **weight):
    """Deformable convolution; the convolution `<name>_offset` gives (y, x) for every tap at every position (Dai et al.
    2017, arXiv 1703.06211). weight: one that it shares, if any."""
    offset = offset_branch(data, name, 2 * predicted_points(net), net, stride)
    offset = bounded(offset, name, net)
    return DeformableConvolution(
        data=data, offset=offset, name=name, **weight, **geometry(num_filter, net, stride), **sampling(net)
    )


def modulated(data, name, num_filter, net, stride):
    """Modulated deformable convolution; the convolution `<name>_offset` gives all offsets, then all masks (Zhu et al.
    2018, arXiv 1811.11168).

    mask = 2*sigmoid, so that zero weights start as the ordinary convolution (the original's example symbol).
    """
    points = predicted_points(net)
    both = offset_branch(data, name, 3 * points, net, stride)
    offset = bounded(mx.sym.slice_axis(both, axis=1, begin=0, end=2 * points), name, net)
    mask = 2 * mx.sym.sigmoid(mx.sym.slice_axis(both, axis=1, begin=2 * points, end=3 * points))
    return ModulatedDeformableConvolution(
        data=data, offset=offset, mask=mask, name=name, **geometry(num_filter, net, stride), **sampling(net)
    )
