# SPDX-License-Identifier: Apache-2.0
"""Sizes of the maps that a backbone makes (lib/nets/resnet_v1.py), for those who feed networks or read them."""

from __future__ import annotations


def cells(pixels: int, net, stride: int) -> int:
    """Cells along a side of `pixels` in the map of this stride (4: the stem's, 8, 16, 32).

    net: cfg.net; reads pool_pad, pool_ceil.
    """
    side = (pixels + 1) // 2  # conv1
    free = side + 2 * net.pool_pad - 3  # how far the stem's pooling, 3 wide, stride 2, can move
    side = max(1, 1 + (-(-free // 2) if net.pool_ceil or not net.pool_pad else free // 2))
    for _ in range(stride.bit_length() - 3):
        side = (side + 1) // 2
    return side
