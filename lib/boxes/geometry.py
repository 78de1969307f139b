# SPDX-License-Identifier: Apache-2.0
"""Sizes, overlaps and regression targets of boxes (Girshick 2015, arXiv 1504.08083, with the original's +1 widths)."""

from __future__ import annotations

import numpy as np

from lib.boxes import core


def checked(boxes: np.ndarray, what: str = "boxes") -> np.ndarray:
    """float64 (N, 4), contiguous. Raises ValueError for another shape or a number that is not finite."""
    boxes = np.ascontiguousarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{what}: expected (N, 4), got {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError(f"{what}: box {int(np.argmin(np.isfinite(boxes).all(1)))} is not finite")
    return boxes


def sizes(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widths and heights (N,) of boxes (N, 4): x2 - x1 + 1, y2 - y1 + 1."""
    return boxes[:, 2] - boxes[:, 0] + 1.0, boxes[:, 3] - boxes[:, 1] + 1.0


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union, float64 (N, M), of boxes (N, 4) and (M, 4); 0 where one has no area."""
    return np.asarray(core.iou(checked(boxes), checked(others, "others")))


def encode(boxes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(dx, dy, dw, dh), float64 (N, 4), that `decode` takes from boxes to targets, both (N, 4).

    Raises ValueError if one of them has no area: its logarithm would be no number.
    """
    boxes, targets = checked(boxes), checked(targets, "targets")
    if boxes.shape != targets.shape:
        raise ValueError(f"targets: expected {boxes.shape}, got {targets.shape}")
    (w, h), (tw, th) = sizes(boxes), sizes(targets)
    for what, sides in (("boxes", (w, h)), ("targets", (tw, th))):
        if (np.minimum(*sides) <= 0).any():
            raise ValueError(f"{what}: box {int(np.argmin(np.minimum(*sides)))} has no area")
    x, y = boxes[:, 0] + 0.5 * (w - 1), boxes[:, 1] + 0.5 * (h - 1)
    tx, ty = targets[:, 0] + 0.5 * (tw - 1), targets[:, 1] + 0.5 * (th - 1)
    return np.stack([(tx - x) / w, (ty - y) / h, np.log(tw / w), np.log(th / h)], axis=1)


LARGEST = np.log(1000.0)
"""A box is enlarged by no more than e to this in either direction: an untrained network must not overflow."""


def decode(boxes: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Boxes (N, 4 * K), float64, that deltas (N, 4 * K) make of boxes (N, 4)."""
    boxes, deltas = checked(boxes), np.asarray(deltas, np.float64)
    if deltas.ndim != 2 or len(deltas) != len(boxes) or deltas.shape[1] % 4:
        raise ValueError(f"deltas: expected ({len(boxes)}, 4 * K), got {deltas.shape}")
    w, h = (side[:, None] for side in sizes(boxes))
    x = deltas[:, 0::4] * w + boxes[:, :1] + 0.5 * (w - 1)
    y = deltas[:, 1::4] * h + boxes[:, 1:2] + 0.5 * (h - 1)
    half_w = 0.5 * (np.exp(np.minimum(deltas[:, 2::4], LARGEST)) * w - 1)
    half_h = 0.5 * (np.exp(np.minimum(deltas[:, 3::4], LARGEST)) * h - 1)
    made = np.empty_like(deltas)
    made[:, 0::4], made[:, 1::4], made[:, 2::4], made[:, 3::4] = x - half_w, y - half_h, x + half_w, y + half_h
    return made


def clip(boxes: np.ndarray, height: float, width: float) -> np.ndarray:
    """Boxes (N, 4 * K), float64, with every corner moved into [0, width - 1] x [0, height - 1]; NaN stays."""
    boxes = np.array(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] % 4:
        raise ValueError(f"boxes: expected (N, 4 * K), got {boxes.shape}")
    if not (height >= 1 and width >= 1):  # nor is NaN
        raise ValueError(f"expected a picture of at least one pixel, got height {height}, width {width}")
    boxes[:, 0::2] = np.clip(boxes[:, 0::2], 0, width - 1)
    boxes[:, 1::2] = np.clip(boxes[:, 1::2], 0, height - 1)
    return boxes


def mirror(boxes: np.ndarray, width: float) -> np.ndarray:
    """Boxes (N, 4 or more columns), float64, of the mirrored picture of this width: x1' = width - 1 - x2."""
    boxes = np.array(boxes, np.float64)  # small whole numbers would wrap around
    if boxes.ndim != 2 or boxes.shape[1] < 4:
        raise ValueError(f"boxes: expected (N, 4 or more), got {boxes.shape}")
    boxes[:, [0, 2]] = width - 1 - boxes[:, [2, 0]]
    return boxes
