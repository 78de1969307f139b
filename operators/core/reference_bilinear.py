# SPDX-License-Identifier: Apache-2.0
"""The boundary rules in NumPy, float64: what a sampling point reads. The definition that bilinear.h answers to.

A map (H, W) is a surface over the plane: at the point (y, x) cell (i, j) has weight t_i(y) * t_j(x), where t_i is the
tent of cell i, max(0, 1 - |p - i|). The rules differ in the tents only:

========  ==========================================================================================================
zero      The tents as they are: the surface fades to 0 over one pixel outside the map, on (-1, 0) and (H - 1, H).
inside    0 unless 0 <= p < n; there the tents of the point moved to at most n - 1 (the last row is flat).
border    The tents of the point moved to the nearest place of [0, n - 1]; outside the surface is flat.
========  ==========================================================================================================

Derivatives are right-hand ones: at an integer coordinate the slope of the pixel that begins there counts, and where
the surface is flat to the right the slope is 0. A NaN coordinate gives NaN weights and slopes: value and derivatives
are NaN; nothing is scattered back into the map (`scatter`). +-Inf and huge coordinates are outside like any other.
Data are finite here; only points may be anything.
"""

from __future__ import annotations

import numpy as np

BOUNDARIES = ("zero", "inside", "border")


def tents(points, size: int, boundary: str):
    """The weight of every cell of one axis at every point, and its right-hand derivative.

    Parameters
    ----------
    points : (P,) coordinates in pixels, any values.
    size : number of cells n, at least 1.
    boundary : "zero", "inside" or "border". ValueError for another word.

    Returns
    -------
    weight, slope : (P, n) float64
    """
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {', '.join(BOUNDARIES)}, got {boundary!r}")
    p = np.asarray(points, np.float64)[:, None]
    cells = np.arange(size)
    at = p if boundary == "zero" else np.clip(p, 0, size - 1)
    weight = np.maximum(0, 1 - np.abs(at - cells))
    rising, falling = (cells - 1 <= at) & (at < cells), (cells <= at) & (at < cells + 1)
    slope = rising.astype(np.float64) - falling
    if boundary == "inside":
        weight *= (p >= 0) & (p < size)
    if boundary != "zero":
        slope *= (p >= 0) & (p < size - 1)
    unknown = np.isnan(p[:, 0])
    weight[unknown] = slope[unknown] = np.nan
    return weight, slope


def sampling(y, x, height: int, width: int, boundary: str):
    """Sampling as matrices: with the map as a vector m of H * W numbers, row-major, the values at the points are S @ m.

    Parameters
    ----------
    y, x : (P,) coordinates in pixels, the centre of the first cell being (0, 0).

    Returns
    -------
    S, S_y, S_x : (P, H * W) float64; S_y @ m and S_x @ m are the derivatives of the values along y and x.
    """
    weight_y, slope_y = tents(y, height, boundary)
    weight_x, slope_x = tents(x, width, boundary)

    def product(along_y, along_x):
        return (along_y[:, :, None] * along_x[:, None, :]).reshape(len(along_y), height * width)

    return product(weight_y, weight_x), product(slope_y, weight_x), product(weight_y, slope_x)


def scatter(S, value_grad):
    """The gradient (H * W, ...) of the map from that of the values at the points, (P, ...). NaN points give nothing."""
    return np.where(np.isnan(S), 0, S).T @ value_grad
