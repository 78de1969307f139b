# SPDX-License-Identifier: Apache-2.0
"""What both frameworks are given: a network in terms of a few operations, its start, its data and its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Problem:
    """
    network : (operations, parameters by name, input) -> output; `operations` is the module of a framework
    start : name -> array, all of one dtype
    batches : one (input, target) for each step
    loss : the name of an operation, (output, target) -> scalar
    """

    network: Callable
    start: dict
    batches: list
    loss: str
    lr: float
    momentum: float = 0.0

    def __post_init__(self):
        # MXNet keeps the rate as a float32 number; PyTorch, given the same number, does the same steps.
        object.__setattr__(self, "lr", float(np.float32(self.lr)))

    def at(self, dtype: str) -> Problem:
        start = {name: value.astype(dtype) for name, value in self.start.items()}
        batches = [tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in batch) for batch in self.batches]
        return replace(self, start=start, batches=batches)


def xavier(random, *shape):
    """Uniform, for layers before a ReLU (Glorot and Bengio, gain sqrt 2)."""
    taps = int(np.prod(shape[2:]))
    bound = np.sqrt(2.0) * np.sqrt(6.0 / (taps * (shape[0] + shape[1])))
    return random.uniform(-bound, bound, shape).astype(np.float32)
