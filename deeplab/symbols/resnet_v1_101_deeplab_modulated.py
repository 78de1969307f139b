# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where, and as hard as, the features tell it to (Zhu et al. 2018, arXiv 1811.11168)."""

from __future__ import annotations

import mxnet as mx

from lib.nets.operators import ModulatedDeformableConvolution
from lib.nets.res5 import bounded, geometry, offset_branch, predicted_points, sampling


def res5_branch2b(data, name, num_filter, net, stride):
    """Modulated deformable convolution; the convolution `<name>_offset` gives all offsets, then all masks.

    mask = 2*sigmoid, so that zero weights start as the ordinary convolution (the original's example symbol).
    """
    points = predicted_points(net)
    both = offset_branch(data, name, 3 * points, net, stride)
    offset = bounded(mx.sym.slice_axis(both, axis=1, begin=0, end=2 * points), name, net)
    mask = 2 * mx.sym.sigmoid(mx.sym.slice_axis(both, axis=1, begin=2 * points, end=3 * points))
    return ModulatedDeformableConvolution(
        data=data, offset=offset, mask=mask, name=name, **geometry(num_filter, net, stride), **sampling(net)
    )
