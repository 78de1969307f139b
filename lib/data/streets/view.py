# SPDX-License-Identifier: Apache-2.0
"""The camera of one street picture: horizon, vanishing point, and where the road's edges run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """One straight street seen along its axis.

    Lengths inside a picture are given in `unit`, so that a scene looks the same at every size: a unit is one pixel
    in a picture 128 high. `road`, `kerb` and `edge` are x positions on the bottom row, (left, right): the road's
    edges, and the outer edges of the sidewalks, where the houses stand.
    """

    height: int
    width: int
    horizon: float
    vanishing_x: float
    road: tuple[float, float]
    edge: tuple[float, float]

    @property
    def unit(self) -> float:
        return self.height / 128

    def nearness(self, y: float) -> float:
        """How near the ground at row `y` is: 0 on the horizon, 1 on the bottom row; sizes are proportional to it."""
        return (y - self.horizon) / (self.height - self.horizon)

    def row(self, nearness: float) -> float:
        """The row of the ground at this nearness (the inverse of `nearness`)."""
        return self.horizon + nearness * (self.height - self.horizon)

    def along(self, bottom_x: float, nearness: float) -> tuple[float, float]:
        """The point (x, y) at this nearness on the line from (bottom_x, bottom row) to the vanishing point."""
        return self.vanishing_x + nearness * (bottom_x - self.vanishing_x), self.row(nearness)


def look(rng: np.random.Generator, height: int, width: int) -> View:
    """Draw a view at random for a picture of height x width pixels."""
    left = rng.uniform(-0.10, 0.12) * width
    right = rng.uniform(0.88, 1.10) * width
    pavement = rng.uniform(0.30, 0.50, 2) * height
    return View(
        height=height,
        width=width,
        horizon=rng.uniform(0.28, 0.34) * height,
        vanishing_x=rng.uniform(0.38, 0.62) * width,
        road=(left, right),
        edge=(left - pavement[0], right + pavement[1]),
    )


def is_free(taken: list, bounds: tuple[float, float, float, float]) -> bool:
    """Whether `bounds` (left, top, right, bottom) meets none of the rectangles in `taken`."""
    left, top, right, bottom = bounds
    return all(right < x0 or x1 < left or bottom < y0 or y1 < top for x0, y0, x1, y1 in taken)
