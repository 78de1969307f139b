# SPDX-License-Identifier: Apache-2.0
"""Observes where the layers look: how far from the regular grid, how much outside the map, which taps are dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.looking.geometry import outside, positions
from lib.looking.layers import LookingLayer, lengths, looking_layers


@dataclass(frozen=True)
class Observation:
    """One layer at one time. Lengths in pixels of the layer's input; None where one is not a finite number.

    mean, max: of the displacement's length |(dy, dx)| over all its taps, groups and, if it is computed from the data,
    positions. outside: share of the samples that read nothing of the map (see `geometry.outside`);
    outside_regular: the same with offsets 0, which the padding alone makes. dead: (group, tap) pairs none of whose
    samples reads the map, at any position: they give a constant and get no gradient, so they stay dead. taps: how many
    pairs there are.
    """

    mean: float | None
    max: float | None
    outside: float
    outside_regular: float
    dead: int
    taps: int

    def __str__(self):
        length = "|offset| not finite" if self.max is None else f"|offset| mean {self.mean:.3f} max {self.max:.3f} px"
        return (
            f"{length}, {100 * self.outside:.1f}% of samples outside "
            f"(regular grid {100 * self.outside_regular:.1f}%), {self.dead} of {self.taps} taps dead"
        )


def observe_layer(layer: LookingLayer, offset: np.ndarray, size: tuple[int, int]) -> Observation:
    """offset: as the layer's operator takes it. size: of its input map. See `geometry.positions`."""
    y, x = positions(layer, offset, size)
    there = outside(layer.boundary, size, y, x)
    still = np.zeros_like(offset if layer.same_everywhere else offset[:1])
    regular = outside(layer.boundary, size, *positions(layer, still, size))
    moved = offset.reshape(-1, 2).T if layer.same_everywhere else np.moveaxis(_split(offset, layer), 3, 0)
    length = np.hypot(moved[0], moved[1], dtype=np.float64)
    finite = bool(np.isfinite(length).all())
    dead = there.all(axis=(0, 3, 4))
    return Observation(
        mean=float(length.mean()) if finite else None,
        max=float(length.max()) if finite else None,
        outside=float(there.mean()),
        outside_regular=float(regular.mean()),
        dead=int(dead.sum()),
        taps=dead.size,
    )


class OffsetMonitor:
    """Observes the convolutions with offsets of an engine's network. Changes nothing of the training.

    batch: gives inputs of one device, the same each time; asked once, and only if some layer computes its offsets.
    layers: [LookingLayer]; empty for a network without. sizes: {layer: (height, width) of its input map}.
    """

    def __init__(self, engine, batch: Callable[[], dict[str, np.ndarray]]):
        self._engine, self._batch = engine, batch
        self._inputs: dict[str, np.ndarray] | None = None
        self.layers = [layer for layer in looking_layers(engine.network.graph) if layer.is_convolution]
        self.sizes = self._sizes(engine.network.inputs)

    def observe(self) -> dict[str, Observation]:
        """All layers, by name: parameters as they are, maps as they come out for the fixed batch."""
        offsets = self._parameters()
        computed = [layer for layer in self.layers if not layer.offset_parameter]
        if computed:
            if self._inputs is None:
                self._inputs = self._batch()  # whole pictures need not have the size of the network's inputs
                self.sizes = self._sizes({name: value.shape for name, value in self._inputs.items()})
            maps = self._engine.compute(self._inputs, [layer.offset for layer in computed])
            offsets.update({layer.name: maps[layer.offset] for layer in computed})
        return {layer.name: observe_layer(layer, offsets[layer.name], self.sizes[layer.name]) for layer in self.layers}

    def longest(self) -> dict[str, float]:
        """Largest displacement of each active convolution, in pixels; cheap enough to ask for after every update."""
        return {name: float(length.max()) for name, length in lengths(self._parameters()).items()}

    def _parameters(self) -> dict[str, np.ndarray]:
        learned = [layer for layer in self.layers if layer.offset_parameter]
        if not learned:
            return {}
        held, _ = self._engine.parameters({layer.offset_parameter for layer in learned})
        return {layer.name: held[layer.offset_parameter] for layer in learned}

    def _sizes(self, inputs) -> dict[str, tuple[int, int]]:
        shapes = self._engine.shapes(inputs) if self.layers else {}
        return {layer.name: shapes[layer.data][2:] for layer in self.layers}


def _split(offset: np.ndarray, layer: LookingLayer) -> np.ndarray:
    """(N, groups, taps, 2, Ho, Wo) of a map of offsets."""
    return offset.reshape(offset.shape[0], -1, layer.kernel[0] * layer.kernel[1], 2, *offset.shape[2:])
