# SPDX-License-Identifier: Apache-2.0
"""The training loss that is logged: mean cross entropy of the pixels that count, over the epoch so far."""

from __future__ import annotations

import mxnet as mx

from deeplab.symbols.head import IGNORE_LABEL


class FCNLogLoss:
    """sum of -log(p + 1e-14) divided by the number of pixels with a class, both summed since `reset`."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.sum = 0.0
        self.pixels = 0

    @property
    def value(self) -> float:
        """The running mean; NaN before the first pixel."""
        return self.sum / self.pixels if self.pixels else float("nan")

    def add(self, labels: list[mx.nd.NDArray], outputs: list[mx.nd.NDArray]) -> float:
        """Counts one batch, see `measure`; gives the batch's own mean (0 if no pixel has a class)."""
        return self.count(*self.measure(labels, outputs))

    @staticmethod
    def measure(labels: list[mx.nd.NDArray], outputs: list[mx.nd.NDArray]) -> tuple[float, int]:
        """The sum over one batch, one pair per device, and its number of pixels.

        labels: (N, H, W) class indices, 255 = does not count. outputs: (N, classes, H, W) probabilities.
        """
        batch_sum, batch_pixels = 0.0, 0
        for label, output in zip(labels, outputs):
            counts = label != IGNORE_LABEL
            probability = mx.nd.pick(output, label * counts, axis=1)
            # where, not a product: 0 * NaN is NaN, and a pixel that does not count must not spoil the sum.
            loss = mx.nd.where(counts, -mx.nd.log(probability + 1e-14), mx.nd.zeros_like(probability))
            batch_sum += loss.astype("float64").sum().asscalar()
            batch_pixels += int(counts.astype("float64").sum().asscalar())
        return batch_sum, batch_pixels

    def count(self, batch_sum: float, batch_pixels: float) -> float:
        """Counts what `measure` gave, here or in all workers together; gives the mean of that."""
        self.sum += batch_sum
        self.pixels += batch_pixels
        return batch_sum / max(1, batch_pixels)
