# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where the features tell it to (Dai et al. 2017, arXiv 1703.06211)."""

from __future__ import annotations

from lib.nets.operators import DeformableConvolution
from lib.nets.res5 import bounded, geometry, offset_branch, predicted_points, sampling


def res5_branch2b(data, name, num_filter, net, stride):
    """Deformable convolution; the convolution `<name>_offset` gives (y, x) for every tap at every position."""
    offset = offset_branch(data, name, 2 * predicted_points(net), net, stride)
    offset = bounded(offset, name, net)
    return DeformableConvolution(
        data=data, offset=offset, name=name, **geometry(num_filter, net, stride), **sampling(net)
    )
