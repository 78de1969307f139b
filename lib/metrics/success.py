# SPDX-License-Identifier: Apache-2.0
"""The Object Tracking Benchmark's measures of one pass without help (Wu et al. 2013, 2015). The first frame counts, in
which the tracker is told the box. Of several sequences the mean of theirs counts, however long each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

OVERLAPS = np.arange(21) / 20
ERRORS = np.arange(51.0)
PRECISE = 20


def success_curve(overlaps: np.ndarray) -> np.ndarray:
    """float64 (21,): share of frames whose overlap is above 0, .05, ..., 1."""
    return (_told(overlaps)[:, None] > OVERLAPS).mean(0)


def area_under(overlaps: np.ndarray) -> float:
    """AUC: the mean of the success curve."""
    return float(success_curve(overlaps).mean())


def precision_curve(errors: np.ndarray) -> np.ndarray:
    """float64 (51,): share of frames whose middle is at most 0, 1, ..., 50 pixels off; NaN is off by any number."""
    return (_told(errors)[:, None] <= ERRORS).mean(0)


def precision(errors: np.ndarray) -> float:
    """The share within 20 pixels."""
    return float(precision_curve(errors)[PRECISE])


def over_sequences(measure: Callable, values: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of a measure above over sequences. values: of each its overlaps or errors."""
    return np.mean([measure(each) for each in values], axis=0)


def _told(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected a number for each of at least one frame, got shape {values.shape}")
    return values
