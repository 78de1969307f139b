# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression.

The original has three that disagree about equality: two keep a box whose IoU with a better one equals the threshold,
one drops it. Here there is one: a box goes if its IoU is **above** the threshold. Equal scores count in the boxes'
order, so that the result is the same wherever it is computed.
"""

from __future__ import annotations

import numpy as np

from lib.boxes import core
from lib.boxes.geometry import checked


def falling(scores: np.ndarray) -> np.ndarray:
    """The order of scores (N,), highest first, equal ones as they come. Raises ValueError for NaN and another shape."""
    scores = np.asarray(scores, np.float64)  # -x of an unsigned number would wrap around
    if scores.ndim != 1:
        raise ValueError(f"scores: expected (N,), got {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"scores: number {int(np.argmax(np.isnan(scores)))} is NaN")
    return np.argsort(-scores, kind="stable")


def nms(boxes: np.ndarray, scores: np.ndarray, threshold: float, count: int | None = None) -> np.ndarray:
    """Numbers, int64 (K,), of the boxes that are kept, best first.

    boxes: (N, 4). scores: (N,). threshold: of the IoU, see the head of this file. count: at most so many; None: all.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected 0 to 1, got {threshold}")
    boxes, order = checked(boxes), falling(scores)
    if len(order) != len(boxes):
        raise ValueError(f"scores: expected {len(boxes)}, one per box, got {len(order)}")
    kept = core.nms(boxes[order], threshold, len(boxes) if count is None else count)
    return order[kept]
