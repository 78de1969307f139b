# SPDX-License-Identifier: Apache-2.0
"""Offsets that differ from place to place: arrows and colour over the picture they were computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize

from lib.looking.look import Layer
from lib.looking.places import centred_grid, tap_indices
from lib.pictures.style import picture

COLOURS = "viridis"


@dataclass
class Field:
    """One tap's offsets over the picture, for every output cell.

    In image pixels, (H', W', 2): the cells' middles, where the tap stands on the regular grid, and how it is moved.
    length: (H', W'), in pixels of the layer's input.
    """

    cells: np.ndarray
    places: np.ndarray
    vectors: np.ndarray
    length: np.ndarray


def field(layer: Layer, tap: int, group: int = 0) -> Field:
    """The field of tap number `tap` (row-major) in one set of offsets. An active layer's is the same everywhere.

    Raises IndexError for a tap or set that the layer does not have.
    """
    g = layer.geometry
    if not 0 <= tap < g.taps or not 0 <= group < layer.sets:
        raise IndexError(f"{layer.name}: tap {tap}, set {group}; it has taps 0-{g.taps - 1}, sets 0-{layer.sets - 1}")
    offset = np.moveaxis(layer.offset[group, tap].astype(np.float64), 0, -1)
    offset = np.broadcast_to(offset, (*g.size, 2))
    cells = tap_indices(g.size).reshape(*g.size, 2)
    middle = cells * g.stride - np.asarray(g.pad) + (np.asarray(g.kernel) - 1) / 2 * g.dilate
    regular = cells * g.stride - np.asarray(g.pad) + tap_indices(g.kernel)[tap] * g.dilate
    return Field(g.to_image(middle), g.to_image(regular), offset * g.scale, np.hypot(offset[..., 0], offset[..., 1]))


def outward(offset: np.ndarray, kernel, dilate) -> np.ndarray:
    """How far each tap is moved away from the middle of the kernel, as a dilation would move it; the middle tap: NaN.

    offset: (..., taps, 2, H', W') in input pixels -> (..., taps, H', W').
    """
    grid = centred_grid(kernel, dilate).reshape(-1, 2)
    norm = np.hypot(*grid.T)
    ray = grid / np.where(norm == 0, np.nan, norm)[:, None]
    return (offset * ray[:, :, None, None]).sum(-3)


def draw_field(axis, image: np.ndarray, data: Field, longest: float, title: str = "", every: int = 2):
    """Colour: how far the tap is moved for the cell there, 0 to `longest` input pixels. Arrows, of every `every`-th
    cell: from the tap's place on the regular grid to where it reads.

    Gives the colour layer, for a colour bar.
    """
    grey = image.mean(-1, keepdims=True).repeat(3, -1)
    picture(axis, (128 + 0.5 * grey).astype(np.uint8), title)
    (top, left), (bottom, right) = data.cells[0, 0], data.cells[-1, -1]
    high, wide = np.maximum(np.subtract(data.length.shape, 1), 1)
    half_y, half_x = (bottom - top) / high / 2, (right - left) / wide / 2
    edges = (left - half_x, right + half_x, bottom + half_y, top - half_y)
    scale = Normalize(0, max(longest, 1e-9))
    colours = axis.imshow(data.length, cmap=COLOURS, norm=scale, extent=edges, alpha=0.6, interpolation="nearest")
    thin = (slice(every // 2, None, every),) * 2
    y, x = np.moveaxis(data.places[thin], -1, 0)
    dy, dx = np.moveaxis(data.vectors[thin], -1, 0)
    axis.quiver(x, y, dx, dy, angles="xy", scale_units="xy", scale=1, color="black", width=0.004, headwidth=3.5)
    axis.set_xlim(-0.5, image.shape[1] - 0.5)
    axis.set_ylim(image.shape[0] - 0.5, -0.5)
    return colours


def draw_fields(figure, image: np.ndarray, layer: Layer, group: int = 0) -> None:
    """One panel per tap, arranged as the kernel, to one colour scale."""
    fields = [field(layer, tap, group) for tap in range(layer.geometry.taps)]
    longest = float(np.quantile([each.length for each in fields], 0.995))
    axes = figure.subplots(*layer.geometry.kernel, squeeze=False)
    every = max(1, round(max(layer.geometry.size) / 14))
    for tap, (axis, data) in enumerate(zip(axes.flat, fields)):
        i, j = tap_indices(layer.geometry.kernel)[tap]
        colours = draw_field(axis, image, data, longest, f"tap {tap} ({i}, {j})", every)
    bar = figure.colorbar(colours, ax=axes, shrink=0.6, pad=0.01, extend="max")
    bar.set_label("moved by px of the layer's input", fontsize=9)
    bar.ax.tick_params(labelsize=8)
