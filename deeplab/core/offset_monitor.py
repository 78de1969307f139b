# SPDX-License-Identifier: Apache-2.0
"""Watches where the layers look: how far from the regular grid, how much outside the map, which taps are dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mxnet as mx
import numpy as np

from deeplab.core.offset_layers import OffsetLayer, offset_layers, outside, positions


@dataclass(frozen=True)
class Observation:
    """One layer at one time. Lengths in pixels of the layer's input; None where one is not a finite number.

    mean, max: of the displacement's length |(dy, dx)| over all its taps, groups and, if it is computed from the data,
    positions. outside: share of the samples that read nothing of the map (see `offset_layers.outside`);
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
        lengths = "|offset| not finite" if self.max is None else f"|offset| mean {self.mean:.3f} max {self.max:.3f} px"
        return (
            f"{lengths}, {100 * self.outside:.1f}% of samples outside "
            f"(regular grid {100 * self.outside_regular:.1f}%), {self.dead} of {self.taps} taps dead"
        )


def observe_layer(layer: OffsetLayer, offset: np.ndarray) -> Observation:
    """offset: as the layer's operator takes it, see `offset_layers.positions`."""
    y, x = positions(layer, offset)
    there = outside(layer, y, x)
    regular = outside(layer, *positions(layer, np.zeros_like(offset[:1])))
    moved = np.moveaxis(offset, -1, 0) if layer.parameter else np.moveaxis(_split(offset, layer), 3, 0)
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
    """Observes the offsets of a network in training. Computes in test mode and changes nothing of the training.

    network: a `deeplab.core.network.Network`. data_shape: (N, 3, H, W) that it is trained on.
    batch: gives data float32 (N, 3, H, W), the same each time; asked once, and only if some layer computes its offsets
    from the data. device: where to compute that.

    layers: {name: OffsetLayer}; empty for a network without offsets.
    """

    def __init__(self, network, data_shape: tuple[int, int, int, int], batch: Callable[[], np.ndarray], device):
        self.layers = {layer.name: layer for layer in offset_layers(network.symbol, data_shape)}
        self._network, self._batch, self._device = network, batch, device
        computed = [layer.offset for layer in self.layers.values() if not layer.parameter]
        self._block = self._data = None
        if computed:
            data = mx.sym.var("data", dtype="float32")
            self._block = mx.gluon.SymbolBlock(mx.sym.Group(computed), [data], params=network.block.params)

    def observe(self) -> dict[str, Observation]:
        """All layers, by name: parameters as they are, maps as they come out for the fixed batch."""
        offsets = self._parameters()
        if self._block:
            if self._data is None:
                self._data = mx.nd.array(self._batch(), ctx=self._device)
                # Whole pictures need not have the size of data_shape.
                self.layers = {layer.name: layer for layer in offset_layers(self._network.symbol, self._data.shape)}
            maps = self._block(self._data)
            computed = [layer.name for layer in self.layers.values() if not layer.parameter]
            maps = maps if isinstance(maps, (list, tuple)) else [maps]
            offsets.update({name: each.asnumpy() for name, each in zip(computed, maps)})
        return {name: observe_layer(self.layers[name], offsets[name]) for name in self.layers}

    def longest(self) -> dict[str, float]:
        """Largest displacement of each active convolution, in pixels; cheap enough to ask for after every update."""
        return {name: float(np.hypot(*np.moveaxis(offset, -1, 0)).max()) for name, offset in self._parameters().items()}

    def _parameters(self) -> dict[str, np.ndarray]:
        held = self._network.offsets()
        return {name: held[layer.parameter] for name, layer in self.layers.items() if layer.parameter}


def _split(offset: np.ndarray, layer: OffsetLayer) -> np.ndarray:
    """(N, groups, taps, 2, Ho, Wo) of a map of offsets."""
    return offset.reshape(offset.shape[0], -1, layer.kernel[0] * layer.kernel[1], 2, *offset.shape[2:])
