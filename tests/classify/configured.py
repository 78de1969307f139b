# SPDX-License-Identifier: Apache-2.0
"""Configurations of classifiers, and their networks on an engine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from classify.schema import load
from classify.task import test_network, train_network
from lib.engines import open_engine

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "experiments" / "classify" / "cfgs"
ENGINES = [name for name in ("mxnet", "torch") if find_spec(name)]


def config(name: str, *overrides: str):
    """The configuration of that name."""
    return load(CONFIGS / f"{name}.yaml", overrides)


def engine_of(cfg, is_train: bool = True, arg=None, aux=None):
    """An engine that holds the network of cfg for training or for testing."""
    engine = open_engine(cfg, training=is_train)
    engine.build(train_network(cfg) if is_train else test_network(cfg), arg, aux)
    return engine


def noise(engine, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A batch of noise for a network that is trained."""
    random = np.random.default_rng(seed)
    shape = engine.network.inputs["data"]
    return {"data": random.normal(size=shape), "label": random.integers(0, classes, shape[0]).astype(np.float64)}
