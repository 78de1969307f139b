# SPDX-License-Identifier: Apache-2.0
"""The points that one pixel of a picture reads, through one layer and through several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Rectangle

from lib.looking.look import Layer, Look
from lib.looking.places import Points, points_of_cell, trace
from lib.pictures.style import STAR, colour, picture

SIZES = (46, 22, 7)  # of the points of 1, 2, 3 layers
LEVEL_COLOURS = (4, 5, 3)  # numbers in style.COLOURS
CROWDED = 0.2  # of the picture's longer side: points within a smaller square are drawn once more, larger
INSET = 0.66  # height of that drawing, of the panel's


@dataclass
class Sampling:
    """What is drawn for one pixel of one layer, all in image pixels: the middle of the output cell, the regular grid
    (taps, 2), and the points of all sets."""

    pixel: tuple[int, int]
    regular: np.ndarray
    points: Points


def sampling(layer: Layer, pixel: tuple[int, int]) -> Sampling:
    """The points that `layer` reads for the class of image pixel (y, x)."""
    cell = layer.geometry.cell_of_pixel(pixel)
    return Sampling(pixel, layer.geometry.to_image(layer.geometry.regular(cell)), points_of_cell(layer, cell))


def draw_sampling(axis, image: np.ndarray, layer: Layer, pixel: tuple[int, int], title: str | None = None) -> None:
    """One layer: white rings for the regular grid, dots for the places it reads, larger where a mask weighs more."""
    data, taps = sampling(layer, pixel), layer.geometry.taps
    default = "from one pixel (star) of a picture the layer looks here"
    picture(axis, image, default if title is None else title)

    def draw(on) -> None:
        rings = {"facecolor": "none", "edgecolor": "white", "linewidth": 1.4}
        on.scatter(data.regular[:, 1], data.regular[:, 0], s=46, **rings)
        for number in range(layer.sets):
            here = slice(number * taps, (number + 1) * taps)
            y, x = data.points.places[here].T
            on.plot([data.regular[:, 1], x], [data.regular[:, 0], y], color=colour(number), linewidth=1.0, alpha=0.8)
            factor = np.clip(data.points.factor[here], 0.08, 2)
            on.scatter(x, y, s=34 * factor, color=colour(number), edgecolor="white", linewidth=0.8, zorder=3)

    _draw_both(axis, image, pixel, np.concatenate([data.regular, data.points.places]), draw)


def draw_trace(axis, image: np.ndarray, layers: Sequence[Layer], pixel: tuple[int, int]) -> None:
    """The points that a pixel reads through all of `layers`, those of the nearest layer the largest."""
    levels = trace(layers, pixel)
    count, followed = len(levels[-1].places), int(np.isfinite(levels[-1].places).all(-1).sum())
    told = f"{count}" if followed == count else f"{followed} of {count}"  # the others begin outside the map
    picture(axis, image, f"through {len(levels)} layer{'s' * (len(levels) > 1)}: {told} points")

    def draw(on) -> None:
        for number, points in reversed(list(enumerate(levels))):
            y, x = points.places.T
            shown = LEVEL_COLOURS[min(number, 2)]
            edge = {"edgecolor": "black", "linewidth": 0.5} if number < 2 else {"edgecolor": "none", "alpha": 0.85}
            sizes = SIZES[min(number, 2)] * np.clip(points.factor, 0.1, 2)
            on.scatter(x, y, s=sizes, color=colour(shown), zorder=5 - number, **edge)

    _draw_both(axis, image, pixel, np.concatenate([each.places for each in levels]), draw)


def close_up(places: np.ndarray, pixel: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) in pixels of a square around the pixel and all places; None where the whole picture,
    of this size (height, width), shows them well enough."""
    known = np.concatenate([places[np.isfinite(places).all(-1)], [pixel]])
    known = np.clip(known, 0, np.subtract(size, 1))
    low, high = known.min(0), known.max(0)
    half = max(0.62 * float((high - low).max()), 12.0)
    if 2 * half > CROWDED * max(size):
        return None
    (y, x) = (low + high) / 2
    top, left, side = round(y - half), round(x - half), round(2 * half)
    return top, top + side, left, left + side


def _draw_both(axis, image, pixel, places, draw) -> None:
    """The points over the picture and, where they stand too close there, once more larger, in the emptier corner."""
    height, width = image.shape[:2]
    window = close_up(places, pixel, (height, width))
    if window is None:
        draw(axis)
        _star(axis, image, pixel)
        return
    top, bottom, left, right = window
    tall = INSET * min(1.0, width / height)
    wide = tall * height / width
    corner = (0.015 if pixel[1] > width / 2 else 0.985 - wide, 0.03 if pixel[0] < height / 2 else 0.97 - tall)
    inset = axis.inset_axes((*corner, wide, tall), zorder=8)
    inset.imshow(image, interpolation="nearest")
    draw(inset)
    inset.scatter(pixel[1], pixel[0], s=90, color=STAR, marker="*", edgecolor="black", linewidth=0.6, zorder=6)
    inset.set(xlim=(left - 0.5, right + 0.5), ylim=(bottom + 0.5, top - 0.5), xticks=[], yticks=[])
    inset.spines[:].set(color=STAR, linewidth=1.4)
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=STAR, linewidth=1.2))
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)


def draw_overview(figure, look: Look, layers: Sequence[Layer], pixel: tuple[int, int], place=None) -> None:
    """Truth and prediction with the pixel, and every layer's points; below, the points through up to three layers.

    place: the pixel (y, x) of the picture's file, for the title; None: what `pixel` is there.
    """
    y, x = place or look.file_pixel(pixel)
    maps = {} if look.truth is None else {"truth": look.truth}
    maps["prediction"] = look.prediction
    rows = 2 if len(layers) > 1 else 1
    columns = len(maps) + 1 if rows == 1 else 3
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(f"{look.run}, epoch {look.epoch}: what decides pixel y {y}, x {x}", fontsize=12)
    places = list(axes.flat)
    if rows == 1:
        draw_sampling(places.pop(0), look.image, layers[0], pixel, layers[0].name)
    else:
        for axis, count in zip(axes[1], (1, 2, 3)):
            axis.axis("off") if count > len(layers) else draw_trace(axis, look.image, layers[-count:], pixel)
        draw_sampling(places.pop(0), look.image, layers[-1], pixel, layers[-1].name)
    for axis, (name, ids) in zip(places, maps.items()):
        picture(axis, look.palette[ids], name)
        _star(axis, look.image, pixel)
    if rows == 2 and len(maps) == 1:
        axes[0, 2].axis("off")


def _star(axis, image, pixel) -> None:
    axis.scatter(pixel[1], pixel[0], s=110, color=STAR, marker="*", edgecolor="black", linewidth=0.6, zorder=6)
    axis.set_xlim(-0.5, image.shape[1] - 0.5)
    axis.set_ylim(image.shape[0] - 0.5, -0.5)
