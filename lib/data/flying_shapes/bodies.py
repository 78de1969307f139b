# SPDX-License-Identifier: Apache-2.0
"""What flies: a background and bodies with patterns and outlines of their own, each moved by its own affine map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lib.data import affine

PATTERN = 64  # pixels along a side of a body's pattern, which is this many pixels of its own plane, too
FURTHEST = 1 / 3  # no body moves by more than this share of the picture's width


@dataclass(frozen=True)
class Body:
    """pattern: float32 (h, w, 3), grey levels; repeats. outline: (n, 2) corners (x, y) in the body's own plane, around
    (0, 0); one of no corners is everywhere. at: the map from its plane to the first picture. motion: from the first
    picture to the second."""

    pattern: np.ndarray
    outline: np.ndarray
    at: np.ndarray
    motion: np.ndarray

    def covers(self, points: np.ndarray) -> np.ndarray:
        """bool (...): which points (..., 2) of its own plane are on it."""
        if not len(self.outline):
            return np.ones(points.shape[:-1], bool)
        x, y = points[..., 0], points[..., 1]
        (left, top), (right, bottom) = self.outline.min(0), self.outline.max(0)
        found = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        x, y, odd = x[found], y[found], np.zeros(int(found.sum()), bool)
        for (x0, y0), (x1, y1) in zip(self.outline, np.roll(self.outline, -1, axis=0)):
            if y0 != y1:  # a ray to the right crosses this side
                odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        found[found] = odd
        return found

    def colour(self, points: np.ndarray) -> np.ndarray:
        """float32 (..., 3) of points of its own plane."""
        height, width = self.pattern.shape[:2]
        return affine.sampled(np.pad(self.pattern, ((0, 1), (0, 1), (0, 0)), mode="wrap"), points % (width, height))


def drawn_background(random: np.random.Generator, height: int, width: int) -> Body:
    """It moves by a few pixels and turns a little."""
    centre = (width / 2, height / 2)
    turn = affine.turned(random.normal(0, 2), np.exp(random.normal(0, 0.02)))
    motion = affine.moved(*_shift(random, 0.02 * width, 0.1 * width)) @ affine.about(turn, *centre)
    return Body(drawn_pattern(random, 2 * PATTERN), np.zeros((0, 2)), affine.moved(*random.uniform(0, 99, 2)), motion)


def drawn_body(random: np.random.Generator, height: int, width: int) -> Body:
    """A polygon or an ellipse, one in five a thin one, anywhere in the picture; small motions are the most frequent."""
    size = np.exp(random.uniform(np.log(0.06), np.log(0.28))) * width  # half a side
    stretch = (1.0, random.uniform(0.1, 0.2)) if random.random() < 0.2 else (1.0, random.uniform(0.5, 1.0))
    outline = size * np.asarray(stretch) * (_ellipse() if random.random() < 0.3 else _polygon(random))
    place = random.uniform(0, (width, height))
    turn = affine.turned(random.normal(0, 6), np.exp(random.normal(0, 0.05)))
    motion = affine.moved(*_shift(random, 0.07 * width, FURTHEST * width)) @ affine.about(turn, *place)
    at = affine.moved(*place) @ affine.turned(random.uniform(0, 360))
    return Body(drawn_pattern(random, PATTERN), outline, at, motion)


def drawn_pattern(random: np.random.Generator, side: int) -> np.ndarray:
    """float32 (side, side, 3): noise of several sizes, the finer the weaker as in photographs, around a colour."""
    levels = np.zeros((3, side, side), np.float32)
    for cells in (4, 8, 16, 32):
        coarse = random.normal(size=(3, cells, cells)) * 0.6 + random.normal(size=(1, cells, cells))
        levels += _shares(cells, side) @ coarse @ _shares(cells, side).T * (cells / 4) ** -0.8
    colour, contrast = random.uniform(60, 195, 3), random.uniform(15, 45)
    return np.clip(colour + contrast * levels.transpose(1, 2, 0), 0, 255).astype(np.float32)


@lru_cache
def _shares(cells: int, side: int) -> np.ndarray:
    """(side, cells): how much of each cell is in each pixel of a side, bilinear, the last cell before the first one."""
    places, rows, shares = np.arange(side) * cells / side, np.arange(side), np.zeros((side, cells))
    before = places.astype(np.int64)
    shares[rows, before] = 1 - (places - before)
    shares[rows, (before + 1) % cells] += places - before
    return shares


def _shift(random: np.random.Generator, mean: float, most: float) -> np.ndarray:
    """(x, y) of a length that falls off exponentially, up to `most`, in any direction."""
    length, angle = min(random.exponential(mean), most), random.uniform(0, 2 * np.pi)
    return length * np.array([np.cos(angle), np.sin(angle)])


def _ellipse() -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _polygon(random: np.random.Generator) -> np.ndarray:
    """Three to eight corners, seen one after the other from the middle."""
    angle = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 9)))
    return np.stack([np.cos(angle), np.sin(angle)], -1) * random.uniform(0.5, 1.0, (len(angle), 1))
