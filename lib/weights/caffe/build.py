# SPDX-License-Identifier: Apache-2.0
"""Builds the Symbol of a Caffe network from our operators, and writes it with its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mxnet as mx
import numpy as np

from lib.run import params
from lib.run.atomic import write_text
from lib.weights.caffe.layers import MAKE, Graph, batch_norm
from lib.weights.caffe.read import Layer, Net


@dataclass(frozen=True)
class Built:
    """symbol: reads `data` (N, C, H, W), gives the network's outputs. arg, aux: its parameters by name.

    layers: what each Caffe layer became, by its name, but for a BatchNorm whose Scale was taken into it.
    """

    symbol: mx.sym.Symbol
    arg: dict[str, np.ndarray]
    aux: dict[str, np.ndarray]
    layers: dict[str, mx.sym.Symbol]


def build(net: Net) -> Built:
    """The network with AConvFast as ActiveConvolution; nodes and parameters have the names of Caffe's layers.

    A Scale right behind a BatchNorm becomes its gamma and beta. The input is called `data` whatever it is in Caffe.
    Raises CaffeError naming the layer that does not fit.
    """
    graph = Graph("data", net.shape)
    symbols = {net.input: mx.sym.var("data")}
    scales = _scales(net.layers)
    layers = {}
    for layer in net.layers:
        inputs = [symbols[name] for name in layer.bottoms]
        if layer.name in scales:
            made = batch_norm(layer, inputs, graph, scales[layer.name])
        elif layer in scales.values():
            made = layers[layer.name] = inputs[0]
        else:
            made = layers[layer.name] = MAKE[layer.type](layer, inputs, graph)
        symbols[layer.tops[0]] = made
    outputs = [symbols[name] for name in net.outputs]
    return Built(outputs[0] if len(outputs) == 1 else mx.sym.Group(outputs), graph.arg, graph.aux, layers)


def _scales(layers: tuple[Layer, ...]) -> dict[str, Layer]:
    """By name of a BatchNorm, the Scale that alone reads what it makes."""
    found: dict[str, Layer] = {}
    for number, layer in enumerate(layers):
        if layer.type != "BatchNorm":
            continue
        readers = []
        for later in layers[number + 1 :]:
            if layer.tops[0] in later.bottoms:
                readers.append(later)
            if layer.tops[0] in later.tops:  # written anew, in place: what follows reads something else
                break
        if len(readers) == 1 and readers[0].type == "Scale" and len(readers[0].bottoms) == 1:
            found[layer.name] = readers[0]
    return found


def run(built: Built, data: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer of `built.layers` makes of data (N, C, H, W), float32, by its name, on the CPU."""
    block = mx.gluon.SymbolBlock(mx.sym.Group(list(built.layers.values())), [mx.sym.var("data", dtype="float32")])
    for name, value in {**built.arg, **built.aux}.items():
        parameter = block.params[name]
        parameter.shape = value.shape
        parameter.initialize(ctx=mx.cpu())
        parameter.set_data(mx.nd.array(value))
    outputs = block(mx.nd.array(data))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return {name: each.asnumpy() for name, each in zip(built.layers, outputs)}


def export(built: Built, prefix: str | Path) -> tuple[Path, Path]:
    """Writes <prefix>-symbol.json and <prefix>-0000.params, each at once, and gives their paths."""
    paths = Path(f"{prefix}-symbol.json"), Path(f"{prefix}-0000.params")
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    params.save(paths[1], built.arg, built.aux)
    write_text(paths[0], built.symbol.tojson())
    return paths
