# SPDX-License-Identifier: Apache-2.0
"""What a dynamic filter reads for one position of a picture: its windows, how much each counts, and its kernels."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.looking.filters import Filter
from lib.pictures.style import LEARNED, STAR, ZERO, picture

MOST_KERNELS = 24


def windows_figure(run: str, image: np.ndarray, found: Filter, pixel: tuple[int, int]) -> Figure:
    """Three panels for one position. image: as the network sees it, uint8 (h, w, 3). pixel: (y, x) of it."""
    size = image.shape[:2]
    cell = found.cell_of(pixel, (size[0], size[1]))
    figure = Figure(figsize=(13, 1.2 + 4.4 * size[0] / size[1]), layout="constrained")
    figure.suptitle(f"{run}, {found.layer.name}: what decides the position of the star", fontsize=12)
    left, middle, right = figure.subplots(1, 3, gridspec_kw={"width_ratios": [5, 5, 3]})
    draw_windows(left, image, found, cell, "windows; the stronger the line, the more attention")
    draw_field(middle, image, found, cell, "weights of all that is read, mean of the filters")
    draw_kernels(right, found, cell, "the kernels of the filters")
    return figure


def draw_windows(axis, image: np.ndarray, found: Filter, cell: tuple[int, int], title: str) -> None:
    """The windows of one position, blue where their attention is above 0, orange where it is below."""
    picture(axis, image, title)
    layer, step = found.layer, _step(image, found)
    attention = found.attention[:, cell[0], cell[1]]
    low, high = layer.tap_steps.min(axis=0) - 0.5, layer.tap_steps.max(axis=0) + 0.5
    most = max(float(np.abs(attention).max()), 1e-12)
    for middle, weight in sorted(zip(layer.sample_steps, attention), key=lambda each: abs(each[1])):
        top, left = (np.add(cell, middle) + 0.5 + low) * step - 0.5
        height, width = (high - low) * step
        share = abs(weight) / most
        axis.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=LEARNED if weight > 0 else ZERO,
                                 linewidth=0.4 + 3 * share, alpha=0.25 + 0.75 * share))  # fmt: skip
        y, x = (np.add(cell, middle) + 0.5) * step - 0.5
        behind = {"boxstyle": "round,pad=0.1", "facecolor": "black", "alpha": 0.45, "linewidth": 0}
        axis.annotate(f"{weight:.1f}", (x, y), ha="center", va="center", fontsize=7, color="white", bbox=behind)
    _end(axis, image, cell, step)


def draw_field(axis, image: np.ndarray, found: Filter, cell: tuple[int, int], title: str) -> None:
    """The mean of the filters' weights over a picture without colours, blue above 0 and orange below."""
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2) * 0.5 + 110
    picture(axis, grey.astype(np.uint8), title)
    weights, own = found.field(cell)
    weights, step = weights.mean(axis=0), _step(image, found)
    top, left = (np.subtract(cell, own)) * step - 0.5
    bottom, right = top + weights.shape[0] * step[0], left + weights.shape[1] * step[1]
    most = max(float(np.abs(weights).max()), 1e-12)
    axis.imshow(weights, cmap="PuOr", vmin=-most, vmax=most, alpha=0.8, extent=(left, right, bottom, top), zorder=2)
    _end(axis, image, cell, step)


def draw_kernels(axis, found: Filter, cell: tuple[int, int], title: str) -> None:
    """The spatial kernels of the first filters at one position, side by side, all to one scale."""
    kernels = found.kernel[:MOST_KERNELS, :, cell[0], cell[1]].reshape(-1, *found.layer.kernel)
    (height, width), columns = found.layer.kernel, int(np.ceil(np.sqrt(len(kernels))))
    rows = -(-len(kernels) // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, kernel in enumerate(kernels):
        y, x = number // columns * (height + 1), number % columns * (width + 1)
        sheet[y : y + height, x : x + width] = kernel
    most = max(float(np.abs(kernels).max()), 1e-12)
    axis.imshow(sheet, cmap="PuOr", vmin=-most, vmax=most, interpolation="nearest")
    told = f", the first {MOST_KERNELS}" if found.layer.num_filter > MOST_KERNELS else ""
    axis.set_title(f"{title}{told}, up to {most:.2g}", fontsize=10)
    axis.axis("off")


def _step(image: np.ndarray, found: Filter) -> np.ndarray:
    """Image pixels per position, (y, x)."""
    return np.divide(image.shape[:2], found.size)


def _end(axis, image, cell, step) -> None:
    y, x = (np.asarray(cell) + 0.5) * step - 0.5
    axis.scatter(x, y, s=110, color=STAR, marker="*", edgecolor="black", linewidth=0.6, zorder=6)
    axis.set_xlim(-0.5, image.shape[1] - 0.5)
    axis.set_ylim(image.shape[0] - 0.5, -0.5)
