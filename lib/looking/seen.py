# SPDX-License-Identifier: Apache-2.0
"""The layers of a network over one picture: where each stands in the image, and the offsets and masks it used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lib.looking.graph import Graph
from lib.looking.layers import CONVOLUTIONS, LookingLayer, looking_layers
from lib.looking.look import Layer
from lib.looking.modules import entries
from lib.looking.places import Geometry, compose

WINDOWS = ("Convolution", "Pooling", *CONVOLUTIONS)  # these change where a cell of the map lies in the image


def wanted_outputs(layers: list[LookingLayer]) -> list[str]:
    """Names of the internal outputs that `seen_layers` needs."""
    return [name for layer in layers for name in (layer.offset, layer.mask) if name]


def convolutions(graph: str) -> list[LookingLayer]:
    """The convolutions of a graph that learn where to look."""
    return [layer for layer in looking_layers(graph) if layer.is_convolution]


def seen_layers(graph: str, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple]) -> list[Layer]:
    """The convolutions with offsets over the first image of a batch, in the network's order.

    arrays: the outputs of `wanted_outputs`. shapes: of all internal outputs for that image.
    """
    places, found = _places_of(graph), []
    for layer in convolutions(graph):
        scale, origin = places[layer.name]
        size, input_size = shapes[f"{layer.name}_output"][2:], shapes[layer.data][2:]
        geometry = Geometry(layer.kernel, layer.stride, layer.dilate, layer.pad, scale, origin, size, input_size)
        taps, offset = geometry.taps, arrays[layer.offset]
        if layer.kind == "active":  # (filter groups, channel groups, kernel y, kernel x, 2)
            found.append(Layer(layer.name, layer.kind, geometry, offset.reshape(-1, taps, 2, 1, 1)))
            continue
        offset = offset[0].reshape(layer.sets, taps, 2, *size)
        mask = arrays[layer.mask][0].reshape(layer.sets, taps, *size) if layer.mask else None
        found.append(Layer(layer.name, layer.kind, geometry, offset, mask))
    return found


def look_inside(engine, inputs: Mapping[str, np.ndarray], output: str) -> tuple[np.ndarray, list[Layer]]:
    """What the network in `engine` makes of one image, its output of that name, and the convolutions on the way.

    inputs: by name, a batch of one.
    """
    graph = engine.network.graph
    arrays = engine.compute(inputs, list(dict.fromkeys([output, *wanted_outputs(convolutions(graph))])))
    shapes = engine.shapes({name: value.shape for name, value in inputs.items()})
    return arrays[output], seen_layers(graph, arrays, shapes)


def _places_of(text: str) -> dict[str, tuple]:
    """(scale, origin) in the image of what each convolution that looks reads, by its name."""
    listed = entries(text)
    if listed is not None:
        return {each.name: ((float(each.scale),) * 2, (float(each.origin),) * 2) for each in listed}
    graph = Graph(text)
    places = _places(graph)
    # Its guards share its name.
    return {node.name: places[node.inputs[0][0]] for node in graph.nodes if node.operator in CONVOLUTIONS}


def _places(graph: Graph) -> list[tuple]:
    """(scale, origin) in the image of every node's output, found along its first input."""
    places: list[tuple] = []
    for node in graph.nodes:
        if not node.inputs:
            places.append(((1.0, 1.0), (0.0, 0.0)))
            continue
        here = places[node.inputs[0][0]]
        if node.operator in WINDOWS and node.attributes.get("global_pool", "False") != "True":
            window = (node.pair("kernel", (1, 1)), node.pair("stride", (1, 1)), node.pair("dilate", (1, 1)))
            here = compose(here, *window, node.pair("pad", (0, 0)))
        places.append(here)
    return places
