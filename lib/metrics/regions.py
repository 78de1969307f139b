# SPDX-License-Identifier: Apache-2.0
"""How much of a target's region a tracker's box covers. Boxes are [x, y, width, height], real rectangles."""

from __future__ import annotations

import numpy as np


def overlaps(regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union, float64 (N,), of regions (N, 4) or convex polygons (N, 8) with boxes (N, 4).

    A region that is not there, with NaN in it, overlaps nothing. Raises ValueError for other shapes.
    """
    regions, boxes = np.asarray(regions, np.float64), np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or regions.ndim != 2 or regions.shape[1] not in (4, 8):
        raise ValueError(f"expected regions (N, 4 or 8) and boxes (N, 4), got {regions.shape} and {boxes.shape}")
    if len(regions) != len(boxes):
        raise ValueError(f"boxes: expected {len(regions)}, one per region, got {len(boxes)}")
    if regions.shape[1] == 8:
        return np.array([_of_polygon(*each) for each in zip(regions.reshape(-1, 4, 2), boxes)])
    low = np.maximum(regions[:, :2], boxes[:, :2])
    high = np.minimum(regions[:, :2] + regions[:, 2:], boxes[:, :2] + boxes[:, 2:])
    common = np.maximum(high - low, 0).prod(1)
    return _ratio(common, regions[:, 2:].prod(1), boxes[:, 2:].prod(1))


def centre_errors(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances, float64 (N,), between the middles of boxes (N, 4), in pixels; NaN where one is not there."""
    middles = [
        np.asarray(each, np.float64)[:, :2] + np.asarray(each, np.float64)[:, 2:] / 2 for each in (boxes, others)
    ]
    return np.hypot(*(middles[0] - middles[1]).T)


def _ratio(common, first, second):
    union = first + second - common
    there = np.isfinite(union) & (union > 0)
    return np.where(there, common / np.where(there, union, 1), 0.0)


def _of_polygon(points: np.ndarray, box: np.ndarray) -> float:
    if not (np.isfinite(points).all() and np.isfinite(box).all()):
        return 0.0
    x, y, width, height = box
    common = points
    for axis, limit, sign in ((0, x, 1), (1, y, 1), (0, x + width, -1), (1, y + height, -1)):
        common = _cut(common, axis, limit, sign)
    return float(_ratio(np.array(_area(common)), _area(points), width * height))


def _cut(points: np.ndarray, axis: int, limit: float, sign: int) -> np.ndarray:
    """The part of a convex polygon (K, 2) where sign * (coordinate - limit) >= 0 (Sutherland and Hodgman 1974)."""
    made = []
    for one, other in zip(points, np.roll(points, -1, axis=0)):
        here, there = sign * (one[axis] - limit), sign * (other[axis] - limit)
        if here >= 0:
            made.append(one)
        if here * there < 0:
            made.append(one + (other - one) * here / (here - there))
    return np.array(made).reshape(-1, 2)


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
