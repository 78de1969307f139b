# SPDX-License-Identifier: Apache-2.0
"""Small flow networks and what they are fed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from flow.schema import load
from flow.task import test_network, train_network
from lib.engines import open_engine

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "experiments" / "flow" / "cfgs"
ENGINES = [name for name in ("mxnet", "torch") if find_spec(name)]
_BLOCK = [f"net.lsdfn.{key}" for key in ("num_filter=2", "channels=3", "hidden=4", "post=2")]
SMALL = [*_BLOCK, "net.width=2", "net.max_displacement=3", "net.displacement_stride=1", "TRAIN.BATCH_IMAGES=2",
         "TRAIN.CROP=[72,88]"]  # fmt: skip


def config(name: str, *overrides: str):
    """The configuration of that name."""
    return load(CONFIGS / f"{name}.yaml", overrides)


def engine_of(cfg, is_train: bool = True, arg=None, aux=None):
    """An engine that holds the network of cfg for training or for testing."""
    engine = open_engine(cfg, training=is_train)
    engine.build(train_network(cfg) if is_train else test_network(cfg), arg, aux)
    return engine


def noise(engine, seed: int = 0) -> dict[str, np.ndarray]:
    """A batch of noise for a network that is trained, some of its flow unknown."""
    random = np.random.default_rng(seed)
    batch = {name: random.normal(size=shape) for name, shape in engine.network.inputs.items()}
    for name in batch.keys() - {"data"}:
        batch[name][:, 2] = random.random(batch[name][:, 2].shape) < 0.8
        batch[name][:, :2] *= batch[name][:, 2:]
    return batch
