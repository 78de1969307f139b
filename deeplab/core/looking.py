# SPDX-License-Identifier: Apache-2.0
"""Runs a trained network and gives, beside its prediction, the offsets and masks that its layers used on the way."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass

import mxnet as mx
import numpy as np

from deeplab.core import checkpoint
from deeplab.core.param_rules import network_shapes
from deeplab.core.predictor import Predictor
from deeplab.dataset import kind_of, pictures
from deeplab.pictures.look import Layer, Look
from deeplab.pictures.places import Geometry, compose

KIND_OF = {
    "ActiveConvolution": "active",
    "DeformableConvolution": "deformable",
    "ModulatedDeformableConvolution": "modulated",
}
WINDOWS = ("Convolution", "Pooling")  # the operators that change where a cell of the map lies in the image


@dataclass(frozen=True)
class _Node:
    name: str
    kind: str
    offset: str  # names of the outputs that it takes in
    mask: str | None
    data: str
    window: dict[str, tuple[int, int]]  # kernel, stride, dilate, pad
    sets: int  # of offsets, of a deformable layer: groups of filters times groups of channels
    scale: tuple[float, float]
    origin: tuple[float, float]


class Looker:
    """The network of a `Predictor`, asked for its insides.

    names: of the layers that learn where to look, in the network's order. checkpoint: SHA-256 of its parameters' file.
    """

    def __init__(self, cfg, predictor: Predictor):
        self._cfg, self._predictor = cfg, predictor
        self.checkpoint = checkpoint.digest(predictor.path)
        symbol = predictor.network.symbol
        self._nodes = _learned_nodes(symbol)
        self.names = [node.name for node in self._nodes]
        inside = symbol.get_internals()
        wanted = [name for node in self._nodes for name in (node.offset, node.mask) if name]
        self._order = wanted
        outputs = mx.sym.Group([symbol, *(inside[name] for name in wanted)])
        self._block = mx.gluon.SymbolBlock(
            outputs, [mx.sym.var("data", dtype="float32")], params=predictor.network.block.params
        )

    def look(self, image: np.ndarray, name: str, truth: np.ndarray | None = None) -> Look:
        """image: uint8 (h, w, 3) RGB of any size. name: for titles. truth: train ids (h, w), if they are known."""
        cfg = self._cfg
        size = pictures.scaled_size(*image.shape[:2], cfg.SCALES)
        seen = pictures.resize_image(image, size)
        data = pictures.to_tensor(seen, cfg)[None]
        probability, inside = self._run(data)
        prediction = probability[0].argmax(0).astype(np.uint8)
        shapes = network_shapes(self._predictor.network.symbol.get_internals(), data.shape)
        return Look(
            run=cfg.run.name,
            epoch=self._predictor.epoch,
            picture=name,
            image=seen,
            prediction=prediction,
            truth=None if truth is None else pictures.resize_label(truth, size),
            zoom=size[0] / image.shape[0],
            layers=[_layer(node, inside, shapes) for node in self._nodes],
            class_names=tuple(kind_of(cfg).class_names),
            palette=kind_of(cfg).palette,
            checkpoint=self.checkpoint,
        )

    def _run(self, data: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        context = next(iter(self._predictor.network.params.values())).list_ctx()[0]
        results = self._block(mx.nd.array(data, ctx=context))
        results = results if isinstance(results, list) else [results]
        first, *others = [each.asnumpy() for each in results]
        return first, dict(zip(self._order, others))


def _layer(node: _Node, inside: dict[str, np.ndarray], shapes: dict) -> Layer:
    taps = int(np.prod(node.window["kernel"]))
    size, input_size = shapes[f"{node.name}_output"][2:], shapes[node.data][2:]
    geometry = Geometry(**node.window, scale=node.scale, origin=node.origin, size=size, input_size=input_size)
    offset = inside[node.offset]
    if node.kind == "active":  # (filter groups, channel groups, kernel y, kernel x, 2)
        return Layer(node.name, node.kind, geometry, offset.reshape(-1, taps, 2, 1, 1))
    offset = offset[0].reshape(node.sets, taps, 2, *size)
    mask = inside[node.mask][0].reshape(node.sets, taps, *size) if node.mask else None
    return Layer(node.name, node.kind, geometry, offset, mask)


def _learned_nodes(symbol) -> list[_Node]:
    """The convolutions with offsets in a graph, with the place of their input's pixels in the image."""
    nodes = json.loads(symbol.tojson())["nodes"]
    places = _places(nodes)
    found = []
    for node in nodes:
        attrs = node.get("attrs", {})
        kind = KIND_OF.get(attrs.get("op_type", ""))
        if kind is None:
            continue
        inputs = [nodes[source] for source, *_ in node["inputs"]]
        names = [each["name"] + ("" if each["op"] == "null" else "_output") for each in inputs]
        scale, origin = places[node["inputs"][0][0]]
        found.append(
            _Node(
                name=node["name"],
                kind=kind,
                offset=names[1],
                mask=names[2] if kind == "modulated" else None,
                data=names[0],
                window=_window(attrs),
                sets=int(attrs.get("num_offset_group", 1)) * int(attrs.get("num_deformable_group", 1)),
                scale=scale,
                origin=origin,
            )
        )
    return found


def _places(nodes: list[dict]) -> list[tuple]:
    """(scale, origin) in the image of every node's output, found along its first input."""
    places = []
    for node in nodes:
        if not node["inputs"]:
            places.append(((1.0, 1.0), (0.0, 0.0)))
            continue
        here = places[node["inputs"][0][0]]
        attrs = node.get("attrs", {})
        if node["op"] in WINDOWS or attrs.get("op_type") in KIND_OF:
            window = _window(attrs)
            here = compose(here, window["kernel"], window["stride"], window["dilate"], window["pad"])
        places.append(here)
    return places


def _window(attrs: dict) -> dict[str, tuple[int, int]]:
    defaults = {"kernel": "(1, 1)", "stride": "(1, 1)", "dilate": "(1, 1)", "pad": "(0, 0)"}
    return {key: tuple(map(int, ast.literal_eval(attrs.get(key, text)))) for key, text in defaults.items()}
