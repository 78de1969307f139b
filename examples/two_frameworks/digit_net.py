# SPDX-License-Identifier: Apache-2.0
"""The slides' network for digits: three convolutions, a deformable one, the mean over the map, a linear layer."""

from __future__ import annotations

import numpy as np

from examples.two_frameworks.problem import Problem, xavier
from lib.data.digits import draw

CHANNELS = (1, 32, 64, 128, 128)


def problem(steps: int, batch: int, seed: int = 1) -> Problem:
    random = np.random.default_rng(seed)
    batches = [digits(random, batch) for _ in range(steps)]
    return Problem(network, start(random), batches, "cross_entropy", lr=0.01, momentum=0.5)


def start(random) -> dict:
    """Offsets start at zero, biases too, all other weights as Xavier says."""
    p = {}
    for layer, (inside, outside) in enumerate(zip(CHANNELS, CHANNELS[1:]), start=1):
        p[f"conv{layer}_weight"] = xavier(random, outside, inside, 3, 3)
        if layer < 4:
            p[f"conv{layer}_bias"] = np.zeros(outside, np.float32)
        p[f"bn{layer}_gamma"], p[f"bn{layer}_beta"] = np.ones(outside, np.float32), np.zeros(outside, np.float32)
    p["offset_weight"], p["offset_bias"] = np.zeros((18, 128, 3, 3), np.float32), np.zeros(18, np.float32)
    p["fc_weight"], p["fc_bias"] = xavier(random, 10, 128), np.zeros(10, np.float32)
    return p


def network(operations, p: dict, x):
    def normalized(x, layer):
        return operations.batch_norm(operations.relu(x), p[f"bn{layer}_gamma"], p[f"bn{layer}_beta"])

    for layer in (1, 2, 3):
        x = normalized(operations.convolution(x, p[f"conv{layer}_weight"], p[f"conv{layer}_bias"]), layer)
    offset = operations.convolution(x, p["offset_weight"], p["offset_bias"])
    x = normalized(operations.deformable(x, offset, p["conv4_weight"]), 4)
    return operations.linear(operations.mean(x), p["fc_weight"], p["fc_bias"])


def digits(random, count: int) -> tuple:
    """(float32 (count, 1, 28, 28), int64 (count,)): drawn digits. They stand in for MNIST, and are normalized as it
    is."""
    images, labels = draw(random, count)
    return (images[:, None].astype(np.float32) / 255 - 0.1307) / 0.3081, labels
