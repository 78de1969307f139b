# SPDX-License-Identifier: Apache-2.0
"""Bilinear sampling in torch operations, which torch can differentiate as often as it likes, trace and export.

The rules are those of core/reference_bilinear.py: derivatives are right-hand ones, and where the surface is flat to the
right they are 0; a NaN coordinate gives NaN, here in the gradient of the maps as well.
"""

from __future__ import annotations

import torch


def _axis(p, size, boundary: str) -> list:
    """The two cells around every coordinate of an axis with `size` cells: [(index, weight), (index, weight)].

    Indices are inside; a cell that is not has weight 0.
    """
    at = p
    if boundary != "zero":
        flat = (p < 0) | (p >= size - 1)
        at = torch.where(flat, p.detach().clamp(0, size - 1), p)
    low = at.detach().floor()
    fraction = at - low
    cells = []
    for cell, weight in ((low, 1 - fraction), (low + 1, fraction)):
        outside = (cell < 0) | (cell > size - 1)
        if boundary == "inside":
            outside = outside | (p < 0) | (p >= size)
        index = cell.nan_to_num(0.0, 0.0, 0.0).clamp(0, size - 1).long()
        cells.append((index, torch.where(outside, torch.zeros_like(weight), weight)))
    return cells


def sample(maps, y, x, boundary: str):
    """Reads every channel of a set at the points of that set.

    Parameters
    ----------
    maps : (N, S, C, H, W)
    y, x : (N or 1, F, S, P), in pixels

    Returns (N, F, S, C, P).
    """
    images, sets, channels, height, width = maps.shape
    pixels = maps.movedim(2, 4).reshape(images * sets * height * width, channels)
    of_map = torch.arange(images * sets, device=maps.device).view(images, 1, sets, 1) * (height * width)
    known = torch.where(y.isnan() | x.isnan(), float("nan"), 1.0).to(y.dtype)
    y, x = y * known, x * known  # one NaN makes both derivatives NaN
    columns = _axis(x, width, boundary)
    total = None
    for row, weight_y in _axis(y, height, boundary):
        for column, weight_x in columns:
            index = of_map + row * width + column
            found = pixels.index_select(0, index.flatten()).view(*index.shape, channels)
            term = found * (weight_y * weight_x).unsqueeze(4)
            total = term if total is None else total + term
    assert total is not None  # a point has four cells
    return total.movedim(4, 3)


def grid(weight, out_size, stride, padding, dilation, like) -> tuple:
    """Where the plain dilated convolution looks: y and x, each (taps, positions), row-major.

    weight, out_size : shapes of the weights and of the output map
    like : a tensor of the dtype and device
    """

    def axis(i):
        taps = torch.arange(weight[2 + i], dtype=like.dtype, device=like.device) * dilation[i]
        steps = torch.arange(out_size[i], dtype=like.dtype, device=like.device) * stride[i] - padding[i]
        return taps, steps

    (tap_y, step_y), (tap_x, step_x) = axis(0), axis(1)
    y = tap_y.view(-1, 1, 1, 1) + step_y.view(1, 1, -1, 1)
    x = tap_x.view(1, -1, 1, 1) + step_x.view(1, 1, 1, -1)
    shape = (weight[2], weight[3], *out_size)
    taps, positions = weight[2] * weight[3], out_size[0] * out_size[1]
    return y.expand(shape).reshape(taps, positions), x.expand(shape).reshape(taps, positions)


def convolution(input, y, x, mask, weight, bias, groups: int, boundary: str, out_size):
    """The sampled convolution of core/reference_conv.py.

    Parameters
    ----------
    input : (N, C, H, W)
    y, x, mask : (N or 1, offset sets over the filters, over the channels, taps, positions); mask may be None
    out_size : (H', W') of the positions

    Returns (N, out_channels, H', W').
    """
    images, channels, height, width = input.shape
    kinds, sets, taps, positions = y.shape[1:]
    maps = input.reshape(images, sets, channels // sets, height, width)
    columns = sample(maps, y.flatten(3), x.flatten(3), boundary)
    if mask is not None:
        columns = columns * mask.flatten(3).unsqueeze(3)
    out = _product(columns.reshape(images, kinds, channels, taps, positions), weight.flatten(2), groups)
    out = out if bias is None else out + bias.view(-1, 1)
    return out.reshape(images, weight.shape[0], *out_size)


def _product(columns, weight, groups: int):
    """columns (N, F, C, T, P), weight (K, C / groups, T) -> (N, K, P); each F-th of the filters has its own columns."""
    images, kinds, channels, taps, positions = columns.shape
    filters, share = weight.shape[0], channels // groups
    if groups == 1:
        columns = columns.reshape(images, kinds, channels * taps, positions)
        return (weight.reshape(kinds, filters // kinds, channels * taps) @ columns).reshape(images, filters, positions)
    # Filters that have their columns and their group in common. In a traced program their number is a constant.
    filters, kinds, groups = int(filters), int(kinds), int(groups)
    cuts = {filters * i // kinds for i in range(kinds + 1)} | {filters * i // groups for i in range(groups + 1)}
    pieces, edges = [], sorted(cuts)
    for first, last in zip(edges[:-1], edges[1:]):
        group = first * groups // filters
        own = columns[:, first * kinds // filters, group * share : (group + 1) * share]
        pieces.append(weight[first:last].flatten(1) @ own.reshape(images, share * taps, positions))
    return torch.cat(pieces, 1)
