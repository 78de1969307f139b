# SPDX-License-Identifier: Apache-2.0
"""Confusion matrices and the intersection over union that follows from them."""

from __future__ import annotations

import numpy as np


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, num_classes: int, ignore: int) -> np.ndarray:
    """Counts of (true class, predicted class) over the pixels whose truth is not `ignore`.

    Args:
        truth, predicted: integer arrays of one shape; classes are 0..num_classes-1.
    Returns int64 (num_classes, num_classes).
    Raises ValueError if shapes differ or a counted pixel has a class that does not exist.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, the prediction {predicted.shape}; expected the same")
    counted = truth != ignore
    rows, columns = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for what, values in (("truth", rows), ("prediction", columns)):
        if values.size and not 0 <= values.min() <= values.max() < num_classes:
            raise ValueError(f"{what} has class {values.max()}, expected 0..{num_classes - 1}")
    return np.bincount(rows * num_classes + columns, minlength=num_classes**2).reshape(num_classes, num_classes)


def iou_per_class(confusion: np.ndarray) -> np.ndarray:
    """True positives / max(1, true + predicted - true positives), float64 (num_classes,); 0 for a class nowhere."""
    hit = np.diag(confusion)
    return hit / np.maximum(1, confusion.sum(0) + confusion.sum(1) - hit)


def present_classes(confusion: np.ndarray) -> np.ndarray:
    """bool (num_classes,): the class occurs in truth or prediction (cityscapesScripts averages over these)."""
    return confusion.sum(0) + confusion.sum(1) > 0
