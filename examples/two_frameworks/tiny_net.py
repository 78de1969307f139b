# SPDX-License-Identifier: Apache-2.0
"""One deformable convolution and the convolution that computes its offsets, on one map of 4 x 5."""

from __future__ import annotations

import numpy as np

from examples.two_frameworks.problem import Problem, xavier


def problem(steps: int, seed: int = 1) -> Problem:
    random = np.random.default_rng(seed)
    batch = tuple(random.uniform(0, 1, (1, 1, 4, 5)).astype(np.float32) for _ in range(2))
    start = {"offset_weight": 0.3 * xavier(random, 18, 1, 3, 3), "weight": xavier(random, 1, 1, 3, 3)}
    return Problem(network, start, [batch] * steps, "square_error", lr=0.1)


def network(operations, p: dict, x):
    offset = operations.convolution(x, p["offset_weight"])
    return operations.deformable(x, offset, p["weight"])
