# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 learns where to look once for all positions (Jeon and Kim 2017, arXiv 1703.09076)."""

from __future__ import annotations

from lib.nets.operators import ActiveConvolution
from lib.nets.res5 import geometry, sampling


def res5_branch2b(data, name, num_filter, net, stride):
    """Active convolution; its offsets are the parameter `<name>_offset`, added to the grid dilated by res5_dilate."""
    return ActiveConvolution(
        data=data,
        name=name,
        normalize_grad=net.normalize_grad,
        offset_lr_rate=net.offset_lr_rate,
        **geometry(num_filter, net, stride),
        **sampling(net),
    )
