# SPDX-License-Identifier: Apache-2.0
"""Where the samples of a layer lie in its input map, and which of them read nothing of it."""

from __future__ import annotations

import numpy as np

from lib.looking.layers import LookingLayer


def output_size(layer: LookingLayer, size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the output of a convolution over an input map of `size`."""
    axes = zip(size, layer.kernel, layer.stride, layer.dilate, layer.pad)
    height, width = ((length + 2 * p - (d * (k - 1) + 1)) // s + 1 for length, k, s, d, p in axes)
    return height, width


def positions(layer: LookingLayer, offset: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where every sample lies, (y, x) in pixels of the layer's input, as two arrays that broadcast with each other.

    offset: as the operator takes it, one table (filter groups, channel groups, kh, kw, 2) or a map
    (N, groups*2*kh*kw, Ho, Wo). size: (height, width) of the input map. Gives y and x of shape
    (N, groups, kh*kw, Ho, Wo), or with 1 for Ho or Wo where they do not depend on it.
    """
    taps, out = layer.kernel[0] * layer.kernel[1], output_size(layer, size)
    if layer.same_everywhere:
        moved = offset.reshape(1, -1, taps, 2, 1, 1)
    else:
        moved = offset.reshape(offset.shape[0], -1, taps, 2, *out)
    grid = []
    for axis, count in enumerate(out):
        place = np.arange(count) * layer.stride[axis] - layer.pad[axis]
        tap = np.indices(layer.kernel)[axis].reshape(taps, 1) * layer.dilate[axis]
        grid.append((place + tap).reshape(1, 1, taps, *((count, 1) if axis == 0 else (1, count))))
    return grid[0] + moved[:, :, :, 0], grid[1] + moved[:, :, :, 1]


def outside(boundary: str, size: tuple[int, int], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Where a sample at (y, x) reads nothing of a map of `size`, only what the boundary rule makes up; NaN is outside.

    zero: at least one pixel beyond the centre of the last one, where bilinear interpolation no longer reaches the map.
    inside: outside 0 <= y < H, 0 <= x < W. border: beyond the centre of the last pixel, whose value is repeated.
    """
    height, width = size
    if boundary == "zero":
        reads = (y > -1) & (y < height) & (x > -1) & (x < width)
    elif boundary == "inside":
        reads = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    else:
        reads = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    return ~reads
