# SPDX-License-Identifier: Apache-2.0
"""One training step of a DeepLab network that calls mx.sym.contrib.DeformableConvolution, before and after install().

The networks take their operators from this library by name. To be the program that knows nothing of it, the network's
file is pointed at mx.sym.contrib here, in this process; nothing else of it changes.
"""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np

import operators
from benchmarks.operators.engines import Prepared
from deeplab import task
from deeplab.symbols import resnet_v1_101_deeplab_dcn as dcn
from lib.engines import open_engine
from lib.looking.layers import looking_layers, steering
from lib.nets import looking
from lib.system import read
from operators.for_mxnet import install

DCN = dcn.__name__.rpartition(".")[2]


class StockStep:
    replace_stock = False
    nodes = ""

    def __init__(self, threads: int):
        operators.set_num_threads(threads)
        install(replace_stock=self.replace_stock)
        looking.DeformableConvolution = mx.sym.contrib.DeformableConvolution

    def versions(self) -> dict:
        return {"mxnet": mx.__version__, "numpy": np.__version__, "active-convnets": operators.__version__}

    def refuses(self, case) -> str:
        return ""

    def note(self, case) -> str:
        return self.nodes

    def prepare(self, case) -> Prepared:
        _, cfg = read(case.config, list(case.overrides))
        for key, wanted in (("symbol", DCN), ("engine", "mxnet")):
            if getattr(cfg, key) != wanted:
                raise ValueError(f"{case.config}: {key} must be {wanted}, got {getattr(cfg, key)}")
        engine, network, random = open_engine(cfg, training=True), task.train_network(cfg), _random(case)
        engine.build(network)
        self.nodes = _deformable_nodes(network.graph)
        _spread_offsets(engine, random, case.offset_std)
        batch = {
            "data": (random.standard_normal(network.inputs["data"]) * 60).astype(np.float32),
            "label": random.randint(0, cfg.dataset.NUM_CLASSES, network.inputs["label"]).astype(np.float32),
        }
        kept = {}
        mx.nd.waitall()

        def run():
            (kept["out"],) = engine.update(batch, cfg.TRAIN.lr)
            mx.nd.waitall()

        return Prepared(run, lambda: kept["out"])


class ReplacedStep(StockStep):
    replace_stock = True


def _random(case) -> np.random.RandomState:
    return np.random.RandomState(case.seed)


def _deformable_nodes(graph: str) -> str:
    """What computes the deformable convolutions of the graph: MXNet's operator, or "Custom", a registered one."""
    kinds = [node["op"] for node in json.loads(graph)["nodes"]]
    found = [kind for kind in kinds if kind in ("_contrib_DeformableConvolution", "Custom")]
    return ", ".join(f"{found.count(kind)} nodes {kind}" for kind in sorted(set(found)))


def _spread_offsets(engine, random, std: float) -> None:
    """A fresh network has offsets 0, which no trained one has: gives every tap and layer an offset by its bias."""
    names = sorted(name for name in steering(looking_layers(engine.network.graph)) if name.endswith("_bias"))
    arg, _ = engine.parameters(names)
    engine.load({name: random.standard_normal(arg[name].shape) * std for name in names}, {})
