# SPDX-License-Identifier: Apache-2.0
"""What lib.boxes.core computes, written for reading."""

from __future__ import annotations

import numpy as np


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 (N, M) of float64 boxes (N, 4) and (M, 4); 0 where one has no area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.maximum(high - low + 1, 0).prod(axis=2)
    first, second = (np.maximum(each[:, 2:] - each[:, :2] + 1, 0).prod(axis=1) for each in (boxes, others))
    empty = (first[:, None] == 0) | (second[None] == 0) | (common == 0)
    union = np.where(empty, 1, first[:, None] + second[None] - common)
    return np.where(empty, 0, common / union)


def nms(boxes: np.ndarray, threshold: float, count: int) -> np.ndarray:
    """int64 (K,) of boxes (N, 4) in falling order of their scores, see `lib.boxes.suppression.nms`."""
    overlap, left = iou(boxes, boxes), np.ones(len(boxes), bool)
    kept: list[int] = []
    for number in range(len(boxes)):
        if left[number] and len(kept) < count:
            kept.append(number)
            left &= overlap[number] <= threshold
    return np.array(kept, np.int64)
