# SPDX-License-Identifier: Apache-2.0
"""The end-point error of optical flow: how far apart the ends of two flow vectors are; and where it is looked at."""

from __future__ import annotations

import numpy as np


def end_point_error(flow: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(h, w): in pixels, of flows (h, w, 2)."""
    difference = flow.astype(np.float64) - truth
    return np.hypot(difference[..., 0], difference[..., 1])


def near_edges(truth: np.ndarray, known: np.ndarray, reach: int = 3, jump: float = 1.0) -> np.ndarray:
    """bool (h, w): pixels at most `reach` rows and columns from an edge of the flow, where it changes by more than
    `jump` pixels from a pixel to the one beside or below it. known: bool (h, w); unknown flow makes no edge."""
    edge = np.zeros(truth.shape[:2], bool)
    safe = np.where(known[..., None], truth, 0).astype(np.float64)
    for axis in (0, 1):
        change, both = np.diff(safe, axis=axis), np.take(known, range(1, known.shape[axis]), axis)
        both = both & np.take(known, range(known.shape[axis] - 1), axis)
        here = (np.hypot(change[..., 0], change[..., 1]) > jump) & both
        pad = [(0, 1) if each == axis else (0, 0) for each in (0, 1)]
        edge |= np.pad(here, pad) | np.pad(here, [each[::-1] for each in pad])
    height, width = edge.shape
    padded = np.pad(edge, reach - 1)
    moves = range(2 * reach - 1)  # a pixel of an edge counts as 1 from it
    return np.any([padded[y : y + height, x : x + width] for y in moves for x in moves], axis=0)


def best_affine(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 2): of all flows that are affine in a pixel's place, that of the least squared error where it is known."""
    y, x = np.indices(known.shape)
    columns = np.stack([np.ones_like(x), x, y], -1).astype(np.float64)
    found, *_ = np.linalg.lstsq(columns[known], truth[known].astype(np.float64), rcond=None)
    return columns @ found


class Sums:
    """Means over the pixels of many pictures, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, np.ndarray] = {}

    def add(self, name: str, errors: np.ndarray, mask: np.ndarray) -> None:
        """errors, mask: (h, w)."""
        self._sums[name] = self._sums.get(name, np.zeros(2)) + (float(errors[mask].sum()), mask.sum())

    def means(self) -> dict[str, float]:
        """Of every name that had a pixel."""
        return {name: float(total / count) for name, (total, count) in self._sums.items() if count}
