# SPDX-License-Identifier: Apache-2.0
"""What both engines are given: a network, its data and its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classify.schema import Config
from lib.engines import open_engine
from lib.run.task import Batch, Network


@dataclass(frozen=True)
class Problem:
    """batches: one for each step. loss: (an output of the network, the batch) -> what training makes small."""

    network: Network
    batches: list[Batch]
    loss: Callable[[np.ndarray, Batch], float]
    rate: float
    momentum: float = 0.0


def train(problem: Problem, engine: str, precision: str) -> list[float]:
    """The loss before each step. engine: mxnet or torch. precision: float32 or float64."""
    cfg = Config(engine=engine, gpus="")
    cfg.run.precision, cfg.TRAIN.momentum, cfg.TRAIN.wd = precision, problem.momentum, 0.0
    with open_engine(cfg) as opened:
        opened.build(problem.network)
        outputs = [next(iter(opened.update(batch, problem.rate)[0].values())) for batch in problem.batches]
    return [problem.loss(output, batch) for output, batch in zip(outputs, problem.batches)]
