# SPDX-License-Identifier: Apache-2.0
"""The boxes that a proposal network starts from (Ren et al. 2015, arXiv 1506.01497), as the original draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def base_anchors(stride: int, ratios: Sequence[float], scales: Sequence[float]) -> np.ndarray:
    """float64 (A, 4), A = ratios x scales (scales run faster), around the middle of the first cell.

    stride: image pixels per cell; a box of scale 1 and ratio 1 is a cell. ratios: height over width; widths and heights
    of scale 1 are rounded to whole pixels, halves to even.
    """
    given = np.array([*ratios, *scales], np.float64)
    if stride < 1 or not len(ratios) or not len(scales) or not (np.isfinite(given) & (given > 0)).all():
        raise ValueError(f"anchors: expected positive numbers, got stride {stride}, ratios {ratios}, scales {scales}")
    widths = np.round(np.sqrt(stride * stride / np.asarray(ratios, np.float64)))
    heights = np.round(widths * ratios)
    if min(widths.min(), heights.min()) < 1:
        raise ValueError(f"anchors: ratios {ratios} give a box of no pixel at stride {stride}")
    half = np.stack([np.outer(each, scales).ravel() - 1 for each in (widths, heights)], axis=1) / 2
    return np.concatenate([-half, half], axis=1) + (stride - 1) / 2


def grid_anchors(base: np.ndarray, stride: float, height: int, width: int) -> np.ndarray:
    """float64 (height * width * A, 4): the base anchors in every cell of a map; anchors run fastest, then x, then y."""
    y, x = np.mgrid[:height, :width] * float(stride)
    moved = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    return (moved + base).reshape(-1, 4)


def per_anchor(values: np.ndarray, anchors: int) -> np.ndarray:
    """A map (C * A, h, w), channel = c + C * a, as (h * w * A, C): in the order of `grid_anchors`."""
    channels, height, width = values.shape
    return values.reshape(anchors, channels // anchors, height, width).transpose(2, 3, 0, 1).reshape(
        height * width * anchors, -1)  # fmt: skip


def scores_per_anchor(values: np.ndarray, anchors: int) -> np.ndarray:
    """A map (C * A, h, w), channel = c * A + a (first all anchors' class 0), as (h * w * A, C)."""
    channels, height, width = values.shape
    return values.reshape(-1, anchors, height, width).transpose(2, 3, 1, 0).reshape(height * width * anchors, -1)
