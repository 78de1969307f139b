# SPDX-License-Identifier: Apache-2.0
"""How far a filter really looks: the mean distance of all pairs of adjacent taps (Dai et al. 2017, table 2)."""

from __future__ import annotations

import numpy as np

from lib.looking.look import Layer
from lib.looking.places import centred_grid


def effective_dilation(layer: Layer) -> np.ndarray:
    """At each output cell, (H', W'), in pixels of the layer's input; the mean over its sets of offsets too. A regular
    grid has its dilation. An active layer is the same in all cells."""
    geometry = layer.geometry
    grid = centred_grid(geometry.kernel, geometry.dilate)
    taps = layer.offset.reshape(layer.sets, *geometry.kernel, 2, *layer.offset.shape[3:])
    taps = taps + grid[None, :, :, :, None, None]
    lengths = [np.hypot(*np.moveaxis(np.diff(taps, axis=axis), 3, 0)) for axis in (1, 2)]
    pairs = np.concatenate([each.reshape(-1, *each.shape[3:]) for each in lengths])
    return np.broadcast_to(pairs.mean(axis=0), geometry.size)


def centres(layer: Layer) -> np.ndarray:
    """Where in the image the middle of each cell's regular grid is, (H', W', 2), (y, x)."""
    geometry = layer.geometry
    cells = np.stack(np.meshgrid(*map(np.arange, geometry.size), indexing="ij"), axis=-1)
    middle = (np.asarray(geometry.kernel) - 1) / 2 * geometry.dilate - geometry.pad
    return geometry.to_image(cells * np.asarray(geometry.stride) + middle)
