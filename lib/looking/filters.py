# SPDX-License-Identifier: Apache-2.0
"""What a dynamic filter reads: the kernel and the attentions that a network has made for one position.

The law is that of the operator's room (operators/dynamic_filter/README.md); y before x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lib.looking.graph import Graph, Node
from lib.looking.places import tap_indices
from lib.run.module_text import read_module

Pair = tuple[int, int]
_MAPS = ("kernel", "between", "position", "attention")


@dataclass(frozen=True)
class FilterLayer:
    """A dynamic filter in a graph. inputs: names of the outputs that it reads: data, channel kernel, spatial kernel,
    position attention, sample attention. The others: as the operator's attributes."""

    name: str
    inputs: tuple[str, ...]
    num_filter: int
    kernel: Pair
    samples: Pair
    sample_stride: Pair
    dilate: Pair
    mean: bool
    residual: bool
    at_output: bool
    softmax: bool

    @property
    def sample_steps(self) -> np.ndarray:
        """(samples, 2) from a position to the middles of its windows, row by row."""
        return (tap_indices(self.samples) - np.floor_divide(self.samples, 2)) * self.sample_stride

    @property
    def tap_steps(self) -> np.ndarray:
        """(taps, 2) from the middle of a window to what it reads, row by row."""
        return (tap_indices(self.kernel) - np.floor_divide(np.subtract(self.kernel, 1), 2)) * self.dilate

    @property
    def centre(self) -> int:
        """The number of the tap in the middle."""
        return int(np.flatnonzero(~self.tap_steps.any(axis=1))[0])


@dataclass
class Filter:
    """A dynamic filter over one picture. kernel: V, (C', taps, H, W). between: U and the residual, a mean over the
    channels, (C', H, W). position: (taps, H, W). attention: (samples, H, W)."""

    layer: FilterLayer
    kernel: np.ndarray
    between: np.ndarray
    position: np.ndarray
    attention: np.ndarray

    @property
    def size(self) -> Pair:
        """Height and width of the map."""
        height, width = self.attention.shape[1:]
        return height, width

    def cell_of(self, pixel: Pair, size: Pair) -> Pair:
        """The position in whose square of the map a pixel (y, x) of a picture of this size lies."""
        y, x = (min(int(p * n / whole), n - 1) for p, n, whole in zip(pixel, self.size, size))
        return y, x

    def pixel_of(self, cell: Pair, size: Pair) -> Pair:
        """The pixel (y, x) in the middle of a position's square of a picture of this size."""
        y, x = (int((c + 0.5) * whole / n) for c, n, whole in zip(cell, self.size, size))
        return y, x

    def most_selective(self) -> Pair:
        """The position whose attentions differ most."""
        y, x = np.unravel_index(self.attention.std(axis=0).argmax(), self.size)
        return int(y), int(x)

    def field(self, cell: Pair) -> tuple[np.ndarray, Pair]:
        """With which weight the output at `cell` reads each place around it.

        Gives ((C', height, width), the cell's own place therein). The weight is a mean over the channels that are
        read; what lies outside the map has weight 0.
        """
        layer, (y, x) = self.layer, cell
        steps = layer.sample_steps[:, None] + layer.tap_steps
        low, high = steps.min(axis=(0, 1)), steps.max(axis=(0, 1))
        weights = np.zeros((layer.num_filter, *(high - low + 1)))
        for middle, attention in zip(layer.sample_steps, self.attention[:, y, x]):
            for number, tap in enumerate(layer.tap_steps):
                if not self._inside(np.add(cell, middle) + tap):
                    continue
                at = np.asarray(cell) if layer.at_output else np.add(cell, middle)
                factor = attention * (self.position[number, at[0], at[1]] if self._inside(at) else 0.0)
                here = middle + tap - low
                weights[:, here[0], here[1]] += factor * self.kernel[:, number, y, x]
                if number == layer.centre:
                    weights[:, here[0], here[1]] += factor * self.between[:, y, x]
        weights /= len(layer.sample_steps) if layer.mean else 1
        return weights, (-int(low[0]), -int(low[1]))

    def _inside(self, place) -> bool:
        return bool(((place >= 0) & (place < self.size)).all())


def as_plain(found: Filter) -> tuple[dict, dict[str, np.ndarray]]:
    """A filter for a file: facts for JSON, and its maps by name."""
    return asdict(found.layer), {name: getattr(found, name) for name in _MAPS}


def from_plain(facts: dict, arrays: Mapping[str, np.ndarray]) -> Filter:
    """The filter of what `as_plain` gave; arrays may hold others, too, and its maps in float16."""
    told: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in facts.items()}
    layer = FilterLayer(**told)
    return Filter(layer, **{name: arrays[name].astype(np.float64) for name in _MAPS})


def filter_layers(graph: Graph | str) -> list[FilterLayer]:
    """The dynamic filters of a graph, in its order; a torch module has none."""
    if isinstance(graph, str) and read_module(graph):
        return []
    graph = Graph(graph) if isinstance(graph, str) else graph
    return [_layer(graph, node) for node in graph.nodes if node.operator == "DynamicFilter"]


def filters_inside(engine, inputs: Mapping[str, np.ndarray]) -> list[Filter]:
    """What the dynamic filters of the network in `engine` do with one picture, a batch of one.

    Those of a picture that the network sees smaller, too, are left out: only the largest maps are given.
    """
    layers = filter_layers(engine.network.graph)
    if not layers:
        return []
    arrays = engine.compute(inputs, list(dict.fromkeys(name for layer in layers for name in layer.inputs)))
    found = [_seen(layer, [arrays[name][0].astype(np.float64) for name in layer.inputs]) for layer in layers]
    largest = max(each.size for each in found)
    return [each for each in found if each.size == largest]


def _layer(graph: Graph, node: Node) -> FilterLayer:
    def said(key: str, default: str) -> str:
        return node.attributes.get(key, default).lower()

    return FilterLayer(
        name=node.name,
        inputs=tuple(graph.output(entry) for entry in node.inputs),
        num_filter=node.number_of("num_filter", 1),
        kernel=node.pair("kernel", (3, 3)),
        samples=node.pair("samples", (5, 5)),
        sample_stride=node.pair("sample_stride", (3, 3)),
        dilate=node.pair("dilate", (1, 1)),
        mean=said("fusion", "sum") == "mean",
        residual=said("residual", "true") in ("true", "1"),
        at_output=said("attention_at", "sample") == "output",
        softmax=said("softmax", "false") in ("true", "1"),
    )


def _seen(layer: FilterLayer, arrays: list[np.ndarray]) -> Filter:
    data, between, kernel, position, attention = arrays
    kernel = kernel.reshape(layer.num_filter, -1, *kernel.shape[1:])
    if layer.softmax:
        powers = np.exp(kernel - kernel.max(axis=1, keepdims=True))
        kernel = powers / powers.sum(axis=1, keepdims=True)
    between = between.reshape(layer.num_filter, -1, *between.shape[1:]).mean(axis=1)
    return Filter(layer, kernel, between + (1 / len(data) if layer.residual else 0), position, attention)
