# SPDX-License-Identifier: Apache-2.0
"""The slides' network for digits, `classify`'s own graph: three convolutions, a deformable one, a linear layer."""

from __future__ import annotations

import numpy as np

from classify.schema import Config
from classify.task import train_network
from examples.two_frameworks.problem import Problem
from lib.data.digits import draw
from lib.run.task import Batch


def problem(steps: int, batch: int, seed: int = 1) -> Problem:
    """Drawn digits stand in for MNIST, and are normalised as it is."""
    cfg = Config()
    cfg.symbol, cfg.run.seed, cfg.TRAIN.BATCH_IMAGES = "digits_slides", seed, batch
    cfg.net.kind, cfg.net.init = "deformable", "xavier"
    random = np.random.default_rng(seed)
    return Problem(train_network(cfg), [drawn(random, batch) for _ in range(steps)], cross_entropy, 0.01, momentum=0.5)


def drawn(random: np.random.Generator, count: int) -> Batch:
    """{"data": float32 (count, 1, 28, 28), "label": float32 (count,)}."""
    images, labels = draw(random, count)
    return {"data": (images[:, None] / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081),
            "label": labels.astype(np.float32)}  # fmt: skip


def cross_entropy(probability: np.ndarray, batch: Batch) -> float:
    """A mean over the digits."""
    return float(-np.log(probability[np.arange(len(probability)), batch["label"].astype(int)]).mean())
