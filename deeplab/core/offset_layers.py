# SPDX-License-Identifier: Apache-2.0
"""The layers of a network that learn where to look, read from its graph, and where each of them samples."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass

import mxnet as mx
import numpy as np

from deeplab.symbols.operators import default_of


@dataclass(frozen=True)
class OffsetLayer:
    """One active or deformable convolution.

    name: its node. data, offset: the symbols of its first two inputs. parameter: the name of the offset where it is a
    parameter (active convolution), '' where it is computed from the data. kernel, stride, dilate, pad: (y, x).
    boundary: 'inside', 'zero' or 'border', what a point outside the map reads. size: (height, width) of its input map,
    out: of its output.
    """

    name: str
    data: mx.sym.Symbol
    offset: mx.sym.Symbol
    parameter: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilate: tuple[int, int]
    pad: tuple[int, int]
    boundary: str
    size: tuple[int, int]

    @property
    def out(self) -> tuple[int, int]:
        axes = zip(self.size, self.kernel, self.stride, self.dilate, self.pad)
        return tuple((size + 2 * p - (d * (k - 1) + 1)) // s + 1 for size, k, s, d, p in axes)


def offset_layers(symbol, data_shape: tuple[int, int, int, int]) -> list[OffsetLayer]:
    """The layers of `symbol` whose operator has an input `offset`, in the graph's order, for data (N, 3, H, W)."""
    nodes = json.loads(symbol.tojson())["nodes"]
    inner = symbol.get_internals()
    found = []
    for node in nodes:
        attributes = node.get("attrs", {})
        kind = attributes.get("op_type", "")
        if node["op"] != "Custom" or not kind.endswith("Convolution"):
            continue
        data, offset = (inner[_output(nodes, entry)] for entry in node["inputs"][:2])
        behind = _without_guard(nodes, node["inputs"][1][0])
        shape = data.infer_shape(data=tuple(data_shape))[1][0]
        pairs = {key: _pair(attributes.get(key) or default_of(kind, key)) for key in ("stride", "dilate", "pad")}
        found.append(OffsetLayer(
            name=node["name"], data=data, offset=offset, parameter=behind["name"] if behind["op"] == "null" else "",
            kernel=_pair(attributes["kernel"]), boundary=attributes.get("boundary") or default_of(kind, "boundary"),
            size=tuple(shape[2:]), **pairs,
        ))  # fmt: skip
    return found


def positions(layer: OffsetLayer, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where every sample lies, (y, x) in pixels of the layer's input, as two arrays that broadcast with each other.

    offset: as the operator takes it, a parameter (filter groups, channel groups, kh, kw, 2) or a map
    (N, groups*2*kh*kw, Ho, Wo). Gives y and x of shape (N, groups, kh*kw, Ho, Wo), or with 1 for Ho or Wo where they
    do not depend on it.
    """
    taps = layer.kernel[0] * layer.kernel[1]
    if layer.parameter:
        moved = offset.reshape(1, -1, taps, 2, 1, 1)
    else:
        moved = offset.reshape(offset.shape[0], -1, taps, 2, *layer.out)
    grid = []
    for axis, count in enumerate(layer.out):
        place = np.arange(count) * layer.stride[axis] - layer.pad[axis]
        tap = np.indices(layer.kernel)[axis].reshape(taps, 1) * layer.dilate[axis]
        grid.append((place + tap).reshape(1, 1, taps, *((count, 1) if axis == 0 else (1, count))))
    return grid[0] + moved[:, :, :, 0], grid[1] + moved[:, :, :, 1]


def outside(layer: OffsetLayer, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Where a sample at (y, x) reads nothing of the map, only what the layer's boundary rule makes up; NaN is outside.

    zero: at least one pixel beyond the centre of the last one, where bilinear interpolation no longer reaches the map.
    inside: outside 0 <= y < H, 0 <= x < W. border: beyond the centre of the last pixel, whose value is repeated.
    """
    (height, width), rule = layer.size, layer.boundary
    if rule == "zero":
        reads = (y > -1) & (y < height) & (x > -1) & (x < width)
    elif rule == "inside":
        reads = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    else:
        reads = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    return ~reads


def _output(nodes, entry) -> str:
    node = nodes[entry[0]]
    return node["name"] if node["op"] == "null" else f"{node['name']}_output"


def _without_guard(nodes, index: int) -> dict:
    """The node whose value arrives there unchanged: what stands before our operators' guards."""
    node = nodes[index]
    while node["op"] in ("clip", "identity", "_copy", "slice_axis") and "_guard" in node["name"]:
        node = nodes[node["inputs"][0][0]]
    return node


def _pair(text) -> tuple[int, int]:
    pair = ast.literal_eval(text) if isinstance(text, str) else tuple(text)
    return pair[0], pair[1]
