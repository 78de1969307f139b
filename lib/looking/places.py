# SPDX-License-Identifier: Apache-2.0
"""Where the taps of a layer stand, in pixels of its input and of the image, and what a pixel reads through layers.

The law is that of the operators' rooms (operators/active_conv, operators/deform_conv): tap (i, j) of output cell (h, w)
reads the layer's input at (h, w) * stride - pad + (i, j) * dilate + offset, y before x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """One convolution. Pairs are (y, x).

    kernel, stride, dilate, pad: as the operator's attributes.
    scale: image pixels per pixel of the layer's input. origin: where in the image input pixel (0, 0) has its centre.
    size: height and width of the layer's output. input_size: of its input.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilate: tuple[int, int]
    pad: tuple[int, int]
    scale: tuple[float, float]
    origin: tuple[float, float]
    size: tuple[int, int]
    input_size: tuple[int, int]

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def to_image(self, places) -> np.ndarray:
        """Places (..., 2) in the layer's input as places in the image."""
        return np.asarray(self.origin) + np.asarray(self.scale) * places

    def regular(self, cell) -> np.ndarray:
        """(taps, 2): where the plain dilated convolution reads the input for output cell (h, w); taps row-major."""
        return np.multiply(cell, self.stride) - self.pad + tap_indices(self.kernel) * self.dilate

    def cell_of_place(self, places) -> np.ndarray:
        """The output cells (..., 2), int, in whose middle, or nearest to it, places of the image lie; may be outside.

        Raises nothing for NaN or huge places: they become a cell outside the map.
        """
        half = (np.asarray(self.kernel) - 1) / 2 * self.dilate - self.pad  # of cell (0, 0), in input pixels
        cells = (places - self.to_image(half)) / np.multiply(self.scale, self.stride)
        cells = np.clip(np.nan_to_num(cells, nan=-1e6), -1e6, 1e6)
        return np.floor(cells + 0.5).astype(np.int64)

    def cell_of_pixel(self, pixel) -> tuple[int, int]:
        """The output cell that most decides the class of an image pixel (y, x), an integer pair inside the image.

        The head enlarges the map so that cell (h, w) stands in the middle of its square of image pixels.
        """
        cells = np.floor_divide(pixel, np.multiply(self.scale, self.stride).astype(np.int64))
        h, w = (int(min(max(cell, 0), n - 1)) for cell, n in zip(cells, self.size))
        return h, w


def tap_indices(kernel) -> np.ndarray:
    """(taps, 2): the (i, j) of the taps, row-major."""
    return np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij"), axis=-1).reshape(-1, 2)


def centred_grid(kernel, dilate) -> np.ndarray:
    """(kernel y, kernel x, 2): the regular grid of a kernel about its own middle, in input pixels."""
    middle = (np.asarray(kernel) - 1) / 2
    return ((tap_indices(kernel) - middle) * dilate).reshape(*kernel, 2)


def compose(outer: tuple, kernel, stride, dilate, pad) -> tuple[tuple[float, float], tuple[float, float]]:
    """(scale, origin), in the image, of the output of a convolution or pooling whose input has those of `outer`."""
    scale, origin = np.asarray(outer[0], float), np.asarray(outer[1], float)
    middle = (np.asarray(kernel) - 1) / 2 * np.asarray(dilate) - np.asarray(pad)
    return tuple((scale * stride).tolist()), tuple((origin + scale * middle).tolist())


@dataclass
class Points:
    """Sampling points: where in the image (n, 2), with what factor (n,), and the number of the point before it (n,).

    Points that come from outside a map read nothing and are NaN.
    """

    places: np.ndarray
    factor: np.ndarray
    parent: np.ndarray


def points_of_cell(layer, cell, group: int | None = None) -> Points:
    """What one output cell of a layer reads: all sets of offsets, or the one with number `group`.

    layer: has `geometry` and `at(cell)`, see `look.Layer`. Gives sets * taps points, set by set, taps row-major.
    """
    offset, mask = layer.at(cell)
    if group is not None:
        offset, mask = offset[group : group + 1], mask[group : group + 1]
    places = layer.geometry.to_image(layer.geometry.regular(cell) + offset)
    return Points(places.reshape(-1, 2), mask.reshape(-1), np.zeros(mask.size, np.int64))


def trace(layers, pixel, group: int = 0) -> list[Points]:
    """What a pixel (y, x) of the image reads through several layers: 9 points, then 81, then 729 (3x3 kernels).

    layers: in the order of the network; the walk begins at the last one. From every point it goes on in the layer
    before from the cell nearest to that point, though the bilinear reading mixes four cells; what ordinary
    convolutions between the layers add is left out. A point outside that layer's map reads nothing there: its
    followers are NaN. Factors (masks) multiply along the way.
    group: which set of offsets is followed.
    """
    last = layers[-1]
    levels = [points_of_cell(last, last.geometry.cell_of_pixel(pixel), min(group, last.sets - 1))]
    for layer in reversed(layers[:-1]):
        before, taps = levels[-1], layer.geometry.taps
        count = len(before.places)
        places = np.full((count, taps, 2), np.nan)
        factor = np.zeros((count, taps))
        cells = layer.geometry.cell_of_place(before.places)
        inside = ((cells >= 0) & (cells < layer.geometry.size)).all(-1)
        for index in np.flatnonzero(inside):
            here = points_of_cell(layer, tuple(cells[index].tolist()), min(group, layer.sets - 1))
            places[index], factor[index] = here.places, here.factor * before.factor[index]
        parent = np.repeat(np.arange(count), taps)
        levels.append(Points(places.reshape(-1, 2), factor.reshape(-1), parent))
    return levels
