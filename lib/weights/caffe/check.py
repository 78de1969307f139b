# SPDX-License-Identifier: Apache-2.0
"""Compares the Symbol of a Caffe network with its independent evaluation in NumPy, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.weights.caffe.build import Built, run
from lib.weights.caffe.evaluate import evaluate
from lib.weights.caffe.read import CaffeError, Net

TOLERANCE = 1e-4
"""Largest difference, relative to the largest value of a layer (or to 1): float32 sums against float64."""


@dataclass(frozen=True)
class Difference:
    """Of one layer: largest absolute difference, and the largest absolute value it is measured against."""

    layer: str
    error: float
    scale: float

    @property
    def relative(self) -> float:
        return self.error / max(1.0, self.scale)


def check(net: Net, built: Built, seed: int = 0) -> list[Difference]:
    """The differences of all layers for one random input of grey levels around 0.

    Raises CaffeError naming the first layer that differs by more than TOLERANCE or in shape.
    """
    random = np.random.default_rng(seed)
    data = random.uniform(-128, 128, (1, *net.shape[1:])).astype(np.float32)
    ours = run(built, data)
    found = []
    for name, expected in evaluate(net, data):
        if name not in ours:  # a BatchNorm that goes on into its Scale
            continue
        if ours[name].shape != expected.shape:
            raise CaffeError(f"layer {name!r}: makes {ours[name].shape}, expected {expected.shape} as Caffe does")
        each = Difference(name, float(np.abs(ours[name] - expected).max()), float(np.abs(expected).max()))
        if not each.relative <= TOLERANCE:  # NaN, too
            raise CaffeError(f"layer {name!r}: differs by {each.error:.3g} where values reach {each.scale:.3g}")
        found.append(each)
    return found
