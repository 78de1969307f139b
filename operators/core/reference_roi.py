# SPDX-License-Identifier: Apache-2.0
"""Regions of interest in NumPy: the common ground of the references of the poolings.

The coordinates are computed in the dtype of rois, with the operations of MXNet 1.9.1 in their order, since floor() and
comparisons follow; the tests use that to find RoIs that single and double precision treat alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """A RoI on the map: (y, x) pairs in pixels of the map. Not finite: a corner was not, and every bin is NaN."""

    start: tuple
    size: tuple
    bin: tuple
    finite: bool


def image_of(roi, batch: int) -> int | None:
    """The RoI's first number without its fraction; None for -1, which says that the row is no region.

    Raises ValueError for any other number that is none of an image.
    """
    if not (-2 < roi[0] < batch and int(roi[0]) < batch):
        raise ValueError(f"the image of a RoI must be a whole number from 0 to {batch - 1}, or -1, got {roi[0]}")
    image = int(roi[0])
    return None if image < 0 else image


def _rounded(values):
    """To the nearest whole number, halves away from zero."""
    whole = np.trunc(values)
    return whole + np.where(np.abs(values - whole) >= 0.5, np.sign(values), 0).astype(values.dtype)


def box_of(roi, scale: float, shift: float, pooled_size: int) -> Box:
    """roi : (5,). scale : held in single precision, as MXNet does. shift : added to both ends."""
    kind = roi.dtype.type
    scale, shift = kind(np.float32(scale)), kind(shift)
    with np.errstate(invalid="ignore", over="ignore"):
        corners = _rounded(roi[1:])
        start = corners[:2] * scale + shift
        size = np.maximum((corners[2:] + kind(1)) * scale + shift - start, kind(0.1))  # NaN stays
        finite = bool(np.isfinite(start).all() and np.isfinite(size).all())
        return Box(tuple(start[::-1]), tuple(size[::-1]), tuple(size[::-1] / kind(pooled_size)), finite)


def group_of(bin_number: int, group_size: int, pooled_size: int) -> int:
    """The row or column of groups that a bin reads."""
    return bin_number * group_size // pooled_size


def channel_of(channel: int, group_y: int, group_x: int, group_size: int) -> int:
    """The channel of data that an output channel reads in a group."""
    return (channel * group_size + group_y) * group_size + group_x


def span(start, bin_size, bin_number: int, length: int) -> tuple:
    """PSROIPooling: the rows [begin, end) that a bin touches, clipped to a map of that length; likewise columns."""
    kind = type(start)
    begin = np.floor(kind(bin_number) * bin_size + start)
    end = np.ceil(kind(bin_number + 1) * bin_size + start)
    return int(np.clip(begin, 0, length)), int(np.clip(end, 0, length))


def sample_starts(box: Box, axis: int, bin_number: int, trans: float, trans_std: float):
    """DeformablePSROIPooling: the place of a bin's first sample along an axis (0 for y), in the dtype of the box."""
    kind = type(box.start[axis])
    with np.errstate(invalid="ignore", over="ignore"):
        moved = kind(trans) * kind(np.float32(trans_std)) * box.size[axis]
        return kind(bin_number) * box.bin[axis] + box.start[axis] + moved


@dataclass(frozen=True)
class Sample:
    """Reads (1 - fraction) [low] + fraction [high]; on a cell both are that cell, so that the derivative is 0."""

    low: int
    high: int
    fraction: float


def samples(start, bin_size, count: int, length: int) -> list:
    """The samples of a bin that are inside a map of that length, along one axis."""
    kind, found = type(start), []
    for i in range(count):
        with np.errstate(over="ignore"):
            place = kind(i) * (bin_size / kind(count)) + start
        if -0.5 <= place <= length - 0.5:
            place = np.clip(place, kind(0), kind(length - 1))
            low = int(np.floor(place))
            found.append(Sample(low, int(np.ceil(place)), float(place - kind(low))))
    return found
