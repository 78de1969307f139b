# SPDX-License-Identifier: Apache-2.0
"""The metrics of segmentation networks in training: the mean of -log(p) over the pixels with a class, and the share of
these that is right."""

from __future__ import annotations

import numpy as np


def log_loss(probability: np.ndarray, label: np.ndarray, ignore: float) -> tuple[float, int]:
    """The sum of -log(p + 1e-14) over what counts, and how much counts (Deformable-ConvNets, deeplab/core/metric).

    probability: of each place's own class. label: of the same shape; `ignore` = does not count.
    """
    counts = label != ignore
    loss = -np.log(probability + probability.dtype.type(1e-14))
    # where, not a product: 0 * NaN is NaN, and a place that does not count must not spoil the sum.
    return float(np.where(counts, loss, 0).sum(dtype=np.float64)), int(counts.sum())


def accuracy(predicted: np.ndarray, label: np.ndarray, ignore: float) -> tuple[float, int]:
    """How many of the places that count are predicted right, and how many count."""
    counts = label != ignore
    return float(((predicted == label) & counts).sum()), int(counts.sum())
