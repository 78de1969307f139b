# SPDX-License-Identifier: Apache-2.0
"""A scene of bodies: both pictures, the flow between them and what is hidden in the second, all exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib.data import affine
from lib.data.flow_pairs import Pair
from lib.data.flying_shapes.bodies import Body, drawn_background, drawn_body

SAMPLES = 2  # along each side of a pixel
FEWEST, MOST = 5, 15  # bodies


def drawn_pair(random: np.random.Generator, height: int, width: int, name: str) -> Pair:
    """A random one."""
    count = random.integers(FEWEST, MOST + 1)
    bodies = [drawn_background(random, height, width), *(drawn_body(random, height, width) for _ in range(count))]
    return pair_of(bodies, height, width, name)


def pair_of(bodies: Sequence[Body], height: int, width: int, name: str = "") -> Pair:
    """Bodies from the back to the front, the first of which is everywhere.

    A pixel moves as the body at its middle does. It is occluded where it leaves the picture, or where another body is
    seen at the place it moves to.
    """
    middles = affine.pixels(height, width)
    seen = _topmost(bodies, middles, second=False)
    goes = np.zeros((height, width, 2))
    for number, body in enumerate(bodies):
        goes[seen == number] = affine.apply(body.motion, middles[seen == number])
    hidden = ~affine.inside(goes, height, width) | (_topmost(bodies, goes, second=True) != seen)
    first, second = (_picture(bodies, height, width, second) for second in (False, True))
    return Pair(first, second, (goes - middles).astype(np.float32), hidden, name)


def _own(body: Body, points: np.ndarray, second: bool) -> np.ndarray:
    """Points of a picture in the body's own plane."""
    return affine.apply(np.linalg.inv(body.motion @ body.at if second else body.at), points)


def _topmost(bodies: Sequence[Body], points: np.ndarray, second: bool) -> np.ndarray:
    """int (...): the number of the body that is seen at points (..., 2) of the first or second picture."""
    found, flat = np.zeros(points.shape[:-1], np.int64), points.reshape(-1, 2)
    x, y = np.ascontiguousarray(flat.T)
    for number, body in enumerate(bodies):
        if number:
            corners = affine.apply(body.motion @ body.at if second else body.at, body.outline)
            (left, top), (right, bottom) = corners.min(0), corners.max(0)
            near = np.flatnonzero((x >= left) & (x <= right) & (y >= top) & (y <= bottom))
            found.flat[near[body.covers(_own(body, flat[near], second))]] = number
    return found


def _picture(bodies: Sequence[Body], height: int, width: int, second: bool) -> np.ndarray:
    """uint8 (h, w, 3): the mean of the samples in each pixel."""
    points = affine.pixels(height, width, 1 / SAMPLES)
    seen, colours = _topmost(bodies, points, second), np.zeros((*points.shape[:2], 3), np.float32)
    for number, body in enumerate(bodies):
        here = seen == number
        colours[here] = body.colour(_own(body, points[here], second))
    means = colours.reshape(height, SAMPLES, width, SAMPLES, 3).mean((1, 3))
    return np.round(means).clip(0, 255).astype(np.uint8)
