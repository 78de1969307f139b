# SPDX-License-Identifier: Apache-2.0
"""Small trainings inside the test's own process, and networks on an engine."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from deeplab.schema import load
from deeplab.task import test_network, train_network, training
from lib.commands.training import train
from lib.engines import open_engine
from lib.run import folder
from lib.run.metrics import read_metrics

CONFIGS = Path(__file__).parents[1] / "experiments" / "deeplab" / "cfgs"
LOG = logging.getLogger("test")
_MISSING = next((name for name in ("torch", "lib.engines.torch") if find_spec(name) is None), "")
ENGINES = ["mxnet", pytest.param("torch", marks=pytest.mark.skipif(bool(_MISSING), reason=f"there is no {_MISSING}"))]
SMALL = ["SCALES=[64,96]", "net.width=4", "net.head_channels=8", "TRAIN.BATCH_IMAGES=2", "TRAIN.FLIP=false"]
"""Of the streets of 64 x 96 that `small_streets` makes: two updates an epoch."""


def config(name: str, *overrides: str):
    """The configuration of that name, made small."""
    return load(CONFIGS / f"{name}.yaml", [*SMALL, *overrides])


def run(cfg, begin: int = 0) -> list[dict]:
    """Trains from `begin` complete epochs on and gives the lines of metrics.jsonl."""
    folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
    with open_engine(cfg, training=True) as engine:
        train(cfg, training(cfg, engine.place), engine, begin, {"config": {}}, LOG)
    return read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")


def losses(lines: list[dict]) -> list[float]:
    return [line["loss"] for line in lines if line["event"] == "update"]


def engine_of(cfg, is_train: bool = True, arg=None, aux=None):
    """An engine, on the devices of cfg, that holds its network for training or for testing."""
    engine = open_engine(cfg, training=is_train)
    engine.build(train_network(cfg) if is_train else test_network(cfg), arg, aux)
    return engine


def noise(engine, seed: int = 0, images: int | None = None) -> dict[str, np.ndarray]:
    """A batch of noise for a network that is trained, of the images of all its devices; labels of 19 classes."""
    random = np.random.default_rng(seed)
    (count, *shape), size = engine.network.inputs["data"], engine.network.inputs["label"][1:]
    count = images or count * len(engine.devices)
    data = (50 * random.normal(size=(count, *shape))).astype(np.float32)
    return {"data": data, "label": random.integers(0, 19, (count, *size)).astype(np.float32)}
