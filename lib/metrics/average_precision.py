# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC's average precision of one class (Everingham et al. 2010).

As in the original (lib/dataset/pascal_voc_eval.py): a detection is compared with the object it overlaps most, and is
right where their IoU is **above** the threshold, the object is not difficult and no better detection has found it;
widths are x2 - x1 + 1. Detections of equal scores count in their order (there: in no certain one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Found:
    """One class over all pictures. pictures: int (D,), the number of a detection's picture. scores: (D,). boxes: (D, 4)
    of [x1, y1, x2, y2]. Raises ValueError for other shapes and what is not finite."""

    pictures: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray

    def __post_init__(self):
        count = len(self.pictures)
        for name, shape in (("scores", (count,)), ("boxes", (count, 4))):
            numbers = np.asarray(getattr(self, name), np.float64)  # small whole numbers would wrap around
            if numbers.shape != shape:
                raise ValueError(f"{name}: expected {shape} of {count} detections, got {numbers.shape}")
            if not np.isfinite(numbers).all():
                raise ValueError(f"{name}: not finite")
            object.__setattr__(self, name, numbers)


def average_precision(found: Found, truth: Sequence[np.ndarray], difficult: Sequence[np.ndarray], threshold: float,
                      eleven_points: bool) -> float:  # fmt: skip
    """AP in 0..1; NaN where no object counts.

    truth, difficult: (G, 4) and bool (G,) of every picture. eleven_points: the mean of the best precisions from recall
    0, .1, ... 1 on, the rule until 2009; else the area under the curve of the best precisions.
    """
    truth = [np.asarray(each, np.float64).reshape(-1, 4) for each in truth]
    difficult = [np.asarray(each, bool) for each in difficult]
    if (sizes := [len(each) for each in truth]) != [len(each) for each in difficult]:
        raise ValueError(f"difficult: expected as many as there are objects, {sizes}")
    if len(found.pictures) and not 0 <= np.min(found.pictures) <= np.max(found.pictures) < len(truth):
        raise ValueError(f"pictures: expected numbers from 0 to {len(truth) - 1}, got {found.pictures}")
    count = sum(int((~each).sum()) for each in difficult)
    if not count:
        return float("nan")
    right, wrong = _judged(found, truth, difficult, threshold)
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    recall, precision = right / count, right / np.maximum(right + wrong, np.finfo(float).tiny)
    if eleven_points:
        return float(np.mean([precision[recall >= place].max(initial=0) for place in np.arange(11) / 10]))
    recall, precision = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * best[1:]).sum())


def _judged(found: Found, truth, difficult, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """(right, wrong) of each detection, best first; a difficult object's is neither."""
    order = np.argsort(-found.scores, kind="stable")
    taken = [np.zeros(len(each), bool) for each in truth]
    right, wrong = np.zeros(len(order), bool), np.zeros(len(order), bool)
    for place, number in enumerate(order):
        picture = found.pictures[number]
        overlap = _overlap(found.boxes[number], truth[picture])
        best = int(overlap.argmax()) if len(overlap) else -1
        if best < 0 or not overlap[best] > threshold:
            wrong[place] = True
        elif not difficult[picture][best]:
            right[place], wrong[place] = not taken[picture][best], taken[picture][best]
            taken[picture][best] = True
    return right, wrong


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    common = np.maximum(high - low + 1, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    union = (box[2:] - box[:2] + 1).prod() + areas - common
    return np.divide(common, union, out=np.zeros(len(boxes)), where=common > 0)
