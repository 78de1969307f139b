# SPDX-License-Identifier: Apache-2.0
"""A picture and its label map that are always drawn together, so that they cannot disagree."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


class Canvas:
    """An RGB image and a label map of the same size.

    Every drawing method takes a colour (r, g, b) and a Cityscapes label id; ``label=None`` paints a detail of
    something whose label is already there (a window, a lane marking). Coordinates are (x, y) in pixels, may be
    fractional and may lie outside.

    Args:
        height, width: size in pixels.
        label: label id that fills the map before anything is drawn.
    """

    def __init__(self, height: int, width: int, label: int):
        self.height, self.width = height, width
        self._image = Image.new("RGB", (width, height))
        self._labels = Image.new("L", (width, height), label)
        self._paint = ImageDraw.Draw(self._image)
        self._mark = ImageDraw.Draw(self._labels)

    def polygon(self, points, colour, label=None) -> None:
        """Fill the polygon through `points` [(x, y), ...]."""
        self._paint.polygon(points, fill=_bytes(colour))
        if label is not None:
            self._mark.polygon(points, fill=label)

    def box(self, left, top, right, bottom, colour, label=None) -> None:
        """Fill the rectangle [left, right) x [top, bottom), at least one pixel wide and high."""
        corners = (round(left), round(top), max(round(left), round(right) - 1), max(round(top), round(bottom) - 1))
        self._paint.rectangle(corners, fill=_bytes(colour))
        if label is not None:
            self._mark.rectangle(corners, fill=label)

    def ellipse(self, left, top, right, bottom, colour, label=None) -> None:
        """Fill the ellipse inscribed in the rectangle."""
        corners = (left, top, max(left, right), max(top, bottom))
        self._paint.ellipse(corners, fill=_bytes(colour))
        if label is not None:
            self._mark.ellipse(corners, fill=label)

    def paste(self, pixels: np.ndarray, label: int) -> None:
        """Put `pixels` (h, width, 3) uint8 over the top rows of the picture."""
        self._image.paste(Image.fromarray(pixels), (0, 0))
        self._mark.rectangle((0, 0, self.width, pixels.shape[0] - 1), fill=label)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture as float32 (height, width, 3) in 0..255 and the label ids as uint8 (height, width)."""
        return np.asarray(self._image, np.float32), np.array(self._labels)


def _bytes(colour) -> tuple[int, int, int]:
    r, g, b = (int(min(255, max(0, c))) for c in colour)
    return r, g, b
