# SPDX-License-Identifier: Apache-2.0
"""Squares cut out of pictures, wherever they lie, as Siamese trackers see a target and what is around it."""

from __future__ import annotations

import numpy as np
from PIL import Image

CONTEXT = 0.5
MOST = 16
"""A square is at most so many times as large as the picture's longer side; all of it is made before it is scaled."""


def side_of(width: float, height: float, context: float = CONTEXT) -> float:
    """Side of the square that shows a target with its surroundings, sqrt((w + p)(h + p)) with p = context * (w + h)
    (Bertinetto et al. 2016, SiamFC, arXiv 1606.09549)."""
    more = context * (width + height)
    return float(np.sqrt((width + more) * (height + more)))


def crop(image: np.ndarray, middle: tuple[float, float], side: float, size: int) -> np.ndarray:
    """uint8 (size, size, 3): a square of `side` pixels around `middle` (y, x), bilinear. Where it reaches out of the
    picture, uint8 (h, w, 3), it shows the picture's mean colour.

    Pixel (0, 0) has its middle at (0, 0). Raises ValueError for a square that has no area, is no number or far larger
    than the picture.
    """
    y, x = middle
    if not (side > 0 and np.isfinite([side, y, x]).all()):
        raise ValueError(f"crop: expected a square with an area, got side {side} around y {y}, x {x}")
    if side > (most := MOST * max(image.shape[:2])):
        raise ValueError(f"crop: expected a square of at most {most} pixels of a picture of {image.shape[1]} x "
                         f"{image.shape[0]}, got side {side:g}: is the box of this picture?")  # fmt: skip
    fill = tuple(int(round(each)) for each in image.reshape(-1, 3).mean(0))
    box = (x + 0.5 - side / 2, y + 0.5 - side / 2, x + 0.5 + side / 2, y + 0.5 + side / 2)
    whole, moved = _around(image, box, fill)
    picture = Image.fromarray(whole)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=moved))


def middle_of(box) -> tuple[float, float]:
    """(y, x) of the middle of a box, [x, y, width, height] from 0: of a pixel's, its own."""
    x, y, width, height = (float(each) for each in box)
    return y + (height - 1) / 2, x + (width - 1) / 2


def to_crop(boxes: np.ndarray, middle: tuple[float, float], side: float, size: int) -> np.ndarray:
    """Boxes (..., 4), [x, y, width, height] from 0, of the picture in the crop's pixels."""
    scale = size / side
    boxes = np.array(boxes, np.float64)
    for axis, centre in ((0, middle[1]), (1, middle[0])):
        boxes[..., axis] = (boxes[..., axis] - 0.5 - centre) * scale + size / 2
    boxes[..., 2:] *= scale
    return boxes


def from_crop(boxes: np.ndarray, middle: tuple[float, float], side: float, size: int) -> np.ndarray:
    """The way back of `to_crop`."""
    scale = size / side
    boxes = np.array(boxes, np.float64)
    for axis, centre in ((0, middle[1]), (1, middle[0])):
        boxes[..., axis] = (boxes[..., axis] - size / 2) / scale + centre + 0.5
    boxes[..., 2:] /= scale
    return boxes


def _around(image: np.ndarray, box, fill) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """What of a picture is around a box (left, top, right, bottom), filled up where that reaches out; the box in it."""
    height, width = image.shape[:2]
    left, top = (int(np.floor(each)) - 1 for each in box[:2])
    right, bottom = (int(np.ceil(each)) + 1 for each in box[2:])
    made = np.empty((bottom - top, right - left, 3), np.uint8)
    made[:] = fill
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        made[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[rows, columns]
    return made, (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
