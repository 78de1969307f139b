# SPDX-License-Identifier: Apache-2.0
"""Where the parts of a pooled box look, in pixels of the image: the law of operators/deform_psroi_pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MovedBox:
    """A detected box whose parts a pooling moves, in pixels of the image as the network saw it.

    name: what it is, and how sure. box: [x1, y1, x2, y2], its first and last pixels. bins: by the pooling's name, its
    parts (parts, parts, 4), as they are and as they are moved.
    """

    name: str
    box: np.ndarray
    bins: dict[str, tuple[np.ndarray, np.ndarray]]


def regular_bins(roi, parts: int) -> np.ndarray:
    """float64 (parts, parts, 4), rows first: [left, top, right, bottom] of the parts of a box where none is moved.

    roi: [x1, y1, x2, y2], of its first and last pixels, which are rounded; pixel 0 is 0 to 1.
    """
    left, top, right, bottom = np.floor(np.asarray(roi, np.float64) + 0.5) + [0, 0, 1, 1]
    x, y = np.linspace(left, right, parts + 1), np.linspace(top, bottom, parts + 1)
    shape = (parts, parts)
    sides = (x[None, :-1], y[:-1, None], x[None, 1:], y[1:, None])
    return np.stack([np.broadcast_to(side, shape) for side in sides], axis=-1)


def moved_bins(roi, trans, trans_std: float) -> np.ndarray:
    """The same, each part moved as a deformable pooling moves it.

    trans: (2, parts, parts), of one class: to the right, and down, in trans_std times the box's width and height.
    """
    still = regular_bins(roi, np.shape(trans)[-1])
    sides = still[-1, -1, 2:] - still[0, 0, :2]
    moved = np.moveaxis(np.asarray(trans, np.float64), 0, -1) * trans_std * sides
    return still + np.concatenate([moved, moved], axis=-1)
