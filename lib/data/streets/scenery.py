# SPDX-License-Identifier: Apache-2.0
"""The standing part of a street: sky, ground, and the two rows of houses, walls, fences and trees.

Everything here can be told by its own colour and texture; only the bodies (bodies.py) cannot.
"""

from __future__ import annotations

import numpy as np

from lib.data.labels import ID_OF_NAME as ID
from lib.data.streets.canvas import Canvas
from lib.data.streets.view import View

SEGMENTS = ("building", "wall", "fence", "trees", "meadow")
SEGMENT_CHANCE = (0.40, 0.17, 0.17, 0.16, 0.10)


def draw_scenery(canvas: Canvas, view: View, rng: np.random.Generator) -> None:
    """Paint everything that does not stand on the road, far things first."""
    _sky(canvas, view, rng)
    _ground(canvas, view, rng)
    for side in (0, 1):
        _row_of_houses(canvas, view, rng, side)


def _sky(canvas: Canvas, view: View, rng: np.random.Generator) -> None:
    rows = int(np.ceil(view.horizon)) + 1
    fade = np.linspace(0, 1, rows)[:, None]
    high, low = np.array((112, 158, 214.0)), np.array((214, 226, 238.0))
    gradient = (high + (low - high) * fade + rng.uniform(-12, 12)).clip(0, 255).astype(np.uint8)
    canvas.paste(np.repeat(gradient[:, None], view.width, 1), ID["sky"])
    u = view.unit
    for _ in range(rng.integers(2, 5)):
        x, y, size = rng.uniform(0, view.width), rng.uniform(0.05, 0.7) * view.horizon, rng.uniform(6, 14) * u
        for _ in range(4):
            dx, dy = rng.uniform(-size, size), rng.uniform(-size, size) / 5
            canvas.ellipse(x + dx - size, y + dy - size / 4, x + dx + size, y + dy + size / 4, (232, 236, 242))


def _ground(canvas: Canvas, view: View, rng: np.random.Generator) -> None:
    bottom, vanish = view.height, (view.vanishing_x, view.horizon)
    grass = _shade(rng, (128, 158, 84))
    canvas.box(0, view.horizon, view.width, bottom, grass, ID["terrain"])
    paving = _shade(rng, (172, 160, 158))
    canvas.polygon([vanish, (view.edge[0], bottom), (view.edge[1], bottom)], paving, ID["sidewalk"])
    for step in np.geomspace(0.12, 1.0, 9):
        (x0, y), (x1, _) = view.along(view.edge[0], step), view.along(view.edge[1], step)
        canvas.box(x0, y, x1, y + max(1, 1.2 * step * view.unit), _times(paving, 0.88))
    asphalt = _shade(rng, (86, 84, 90))
    kerb = 2.5 * view.unit
    canvas.polygon([vanish, (view.road[0] - kerb, bottom), (view.road[1] + kerb, bottom)], (206, 204, 198))
    canvas.polygon([vanish, (view.road[0], bottom), (view.road[1], bottom)], asphalt, ID["road"])
    middle = sum(view.road) / 2
    for far in np.geomspace(0.07, 0.95, 8):
        near, half = far * 1.2, 2.2 * view.unit
        quad = [view.along(middle + dx, n) for dx, n in ((-half, far), (half, far), (half, near), (-half, near))]
        canvas.polygon(quad, (214, 212, 200))


def _row_of_houses(canvas: Canvas, view: View, rng: np.random.Generator, side: int) -> None:
    """Split one side of the street into segments of growing nearness and paint each."""
    cuts = np.geomspace(0.10, 1.25, 7) * rng.uniform(0.9, 1.1, 7)
    cuts[0] = 0.02
    kinds = rng.choice(len(SEGMENTS), 6, p=SEGMENT_CHANCE)
    for far, near, kind in zip(cuts[:-1], cuts[1:], kinds):
        _SEGMENT[SEGMENTS[kind]](canvas, view, rng, side, far, near)


def _front(view: View, side: int, far: float, near: float, low: float, high: float):
    """The quadrilateral of a front between two nearnesses; `low` and `high` are heights over the ground's depth."""
    depth = view.height - view.horizon

    def corner(nearness, level):
        x, y = view.along(view.edge[side], nearness)
        return x, y - level * depth * nearness

    return [corner(far, low), corner(near, low), corner(near, high), corner(far, high)]


def _building(canvas, view, rng, side, far, near):
    tall = rng.uniform(0.9, 1.7)
    hue = np.array(((150, 110, 92), (124, 116, 112), (170, 148, 118), (112, 96, 90))[rng.integers(4)])
    wall = _shade(rng, hue, 10)
    canvas.polygon(_front(view, side, far, near, 0, tall), wall, ID["building"])
    glass = _times(wall, 0.55)
    columns, rows = 3, int(tall / 0.27)
    for i in range(columns):
        for j in range(rows):
            a = far + (near - far) * (i + 0.25) / columns
            b = far + (near - far) * (i + 0.75) / columns
            low = tall * (j + 0.35) / rows
            canvas.polygon(_front(view, side, a, b, low, low + 0.13), glass)


def _wall(canvas, view, rng, side, far, near):
    _trees_behind(canvas, view, rng, side, far, near)
    stone = _shade(rng, (158, 150, 176), 8)
    canvas.polygon(_front(view, side, far, near, 0, 0.34), stone, ID["wall"])
    for level in (0.10, 0.21, 0.32):
        canvas.polygon(_front(view, side, far, near, level, level + 0.025), _times(stone, 0.72))


def _fence(canvas, view, rng, side, far, near):
    _trees_behind(canvas, view, rng, side, far, near)
    canvas.polygon(_front(view, side, far, near, 0, 0.34), _shade(rng, (126, 84, 46), 8), ID["fence"])
    for a in np.linspace(far, near, 9)[:-1]:
        canvas.polygon(_front(view, side, a, a + (near - far) / 18, 0.03, 0.31), (206, 176, 128))


def _trees(canvas, view, rng, side, far, near):
    depth = view.height - view.horizon
    for nearness in np.linspace(far, near, 4)[1:]:
        x, y = view.along(view.edge[side], nearness)
        size = depth * nearness * rng.uniform(0.28, 0.40)
        canvas.box(x - size * 0.12, y - size * 1.2, x + size * 0.12, y, (88, 66, 48), ID["vegetation"])
        _crown(canvas, rng, x, y - size * 2.0, size)


def _trees_behind(canvas, view, rng, side, far, near):
    if rng.random() < 0.6:
        _trees(canvas, view, rng, side, far, near)


def _meadow(canvas, view, rng, side, far, near):
    """Nothing stands here: the terrain goes on to the horizon, with a few bushes on it."""
    x, y = view.along(view.edge[side], (far + near) / 2)
    size = (view.height - view.horizon) * near * 0.10
    _crown(canvas, rng, x + (2 * side - 1) * size * 2, y - size, size)


def _crown(canvas, rng, x, y, size):
    for _ in range(7):
        dx, dy = rng.uniform(-0.6, 0.6, 2) * size
        r = size * rng.uniform(0.5, 0.75)
        canvas.ellipse(x + dx - r, y + dy - r, x + dx + r, y + dy + r, _shade(rng, (62, 104, 44), 14), ID["vegetation"])


_SEGMENT = {"building": _building, "wall": _wall, "fence": _fence, "trees": _trees, "meadow": _meadow}


def _shade(rng: np.random.Generator, colour, spread: float = 6):
    """The colour, a little lighter or darker."""
    return np.asarray(colour) + rng.uniform(-spread, spread) + rng.uniform(-3, 3, 3)


def _times(colour, factor: float):
    return np.asarray(colour) * factor
