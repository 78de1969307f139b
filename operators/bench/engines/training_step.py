# SPDX-License-Identifier: Apache-2.0
"""One training step of a DeepLab network that calls mx.sym.contrib.DeformableConvolution, before and after install().

deeplab takes its operators from this library by name. To be the program that knows nothing of it, its network file is
pointed at mx.sym.contrib here, in this process; nothing else of it changes.
"""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np

import operators
from deeplab import symbols
from deeplab.symbols import resnet_v1_101_deeplab_dcn as dcn
from lib.config import load
from lib.engines.mxnet.network import Network
from operators.bench.engines import Prepared
from operators.for_mxnet import install


class StockStep:
    replace_stock = False
    nodes = ""

    def __init__(self, threads: int):
        operators.set_num_threads(threads)
        install(replace_stock=self.replace_stock)
        dcn.DeformableConvolution = mx.sym.contrib.DeformableConvolution

    def versions(self) -> dict:
        return {"mxnet": mx.__version__, "numpy": np.__version__, "active-convnets": operators.__version__}

    def refuses(self, case) -> str:
        return ""

    def note(self, case) -> str:
        return self.nodes

    def prepare(self, case) -> Prepared:
        cfg = load(case.config, list(case.overrides))
        if cfg.symbol != dcn.__name__.rpartition(".")[2]:
            raise ValueError(f"{case.config}: symbol must be resnet_v1_101_deeplab_dcn, got {cfg.symbol}")
        height, width = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else cfg.SCALES[0]
        shape, random = (cfg.TRAIN.BATCH_IMAGES, 3, height, width), np.random.RandomState(case.seed)
        network = Network(cfg, symbols.get_symbol(cfg), shape)
        self.nodes = _deformable_nodes(network.symbol)
        _spread_offsets(network, random, case.offset_std)
        settings = {"learning_rate": cfg.TRAIN.lr, "momentum": cfg.TRAIN.momentum, "wd": cfg.TRAIN.wd}
        trainer = mx.gluon.Trainer(network.params, "sgd", settings, update_on_kvstore=False)
        data = mx.nd.array(random.standard_normal(shape) * 60)
        label = mx.nd.array(random.randint(0, cfg.dataset.NUM_CLASSES, (shape[0], *shape[2:])))
        kept = {}
        mx.nd.waitall()

        def run():
            with mx.autograd.record():
                kept["out"] = network.block(data, label)
            kept["out"].backward()
            trainer.step(1)
            mx.nd.waitall()

        return Prepared(run, lambda: {"output": kept["out"].asnumpy()})


class ReplacedStep(StockStep):
    replace_stock = True


def _deformable_nodes(symbol) -> str:
    """What computes the deformable convolutions of the graph: MXNet's operator, or "Custom", a registered one."""
    kinds = [node["op"] for node in json.loads(symbol.tojson())["nodes"]]
    found = [kind for kind in kinds if kind in ("_contrib_DeformableConvolution", "Custom")]
    return ", ".join(f"{found.count(kind)} nodes {kind}" for kind in sorted(set(found)))


def _spread_offsets(network, random, std: float) -> None:
    """A fresh network has offsets 0, which no trained one has: gives every tap and layer an offset by its bias."""
    for name in sorted(name for name in network.params if name.endswith("_offset_bias")):
        parameter = network.params[name]
        parameter.set_data(mx.nd.array(random.standard_normal(parameter.shape) * std))
