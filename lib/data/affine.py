# SPDX-License-Identifier: Apache-2.0
"""Affine maps of the plane as 3x3 matrices that act on (x, y, 1), and pictures read at the places they say."""

from __future__ import annotations

import numpy as np


def turned(degrees: float, scale=1.0) -> np.ndarray:
    """A turn about (0, 0), clockwise as pictures are seen, and a scale, or one each in x and y before the turn."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return turn @ np.diag([*np.broadcast_to(scale, 2), 1.0])


def moved(x: float, y: float) -> np.ndarray:
    """To the right and down."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def about(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """The same map about the point (x, y)."""
    return moved(x, y) @ matrix @ moved(-x, -y)


def pixels(height: int, width: int, step: float = 1.0) -> np.ndarray:
    """(h, w, 2): (x, y) of the middles of pixels, the first of which is (0, 0). step: of samples in a pixel, 1/2 has
    two along each side."""
    sides = [(np.arange(round(side / step)) + 0.5) * step - 0.5 for side in (height, width)]
    y, x = np.meshgrid(*sides, indexing="ij")
    return np.stack([x, y], -1)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """points: (..., 2), (x, y)."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def sampled(array: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., C) of an array (h, w, C): bilinear at points (..., 2), (x, y); outside, what is nearest."""
    height, width = array.shape[:2]
    x, y = np.clip(points[..., 0], 0, width - 1), np.clip(points[..., 1], 0, height - 1)
    left, top = np.minimum(x.astype(np.int64), max(width - 2, 0)), np.minimum(y.astype(np.int64), max(height - 2, 0))
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None].astype(np.float32), (y - top)[..., None].astype(np.float32)
    flat = array.reshape(height * width, -1).astype(np.float32, copy=False)
    above, under = top * width, below * width
    upper = flat[above + left] * (1 - across) + flat[above + right] * across
    lower = flat[under + left] * (1 - across) + flat[under + right] * across
    return upper * (1 - down) + lower * down


def inside(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """bool (...): which points lie among the middles of a picture's pixels."""
    x, y = points[..., 0], points[..., 1]
    tiny = 1e-6  # a whole turn and back must not lose the border
    return (x >= -tiny) & (x <= width - 1 + tiny) & (y >= -tiny) & (y <= height - 1 + tiny)
