# SPDX-License-Identifier: Apache-2.0
"""The part that makes sampling positions matter: look-alike bodies, told apart only by a flag some way above them.

There are three kinds of bodies, and all bodies of a kind are drawn by one function, with the same distribution of
size, colour and place for every class. The class is the colour of the flag on the body's mast. The mast is as long as
the body is high (times MAST), so the flag of a large body is further away than that of a small one, and a filter that
wants to know a body's class must look there and not beside its own place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.labels import ID_OF_NAME as ID
from lib.data.streets.canvas import Canvas
from lib.data.streets.view import View, is_free

KINDS = {
    "vehicle": {"car": (228, 36, 32), "truck": (244, 214, 30), "bus": (28, 176, 60), "train": (36, 64, 232)},
    "two-wheeler": {"motorcycle": (222, 50, 214), "bicycle": (40, 212, 222)},
    "figure": {"person": (252, 128, 20), "rider": (22, 22, 26)},
}
"""The classes of each kind of body, with their flag colours (no two alike)."""

COUNT = {"vehicle": (6, 9), "two-wheeler": (2, 5), "figure": (2, 5)}
"""How many of each kind are tried in a picture of 3:2, from, up to but not including."""

HEIGHT = {"vehicle": (0.40, 0.50), "two-wheeler": (0.34, 0.42), "figure": (0.46, 0.56)}
"""Body height over the depth of the ground (rows from the horizon to its feet), from, to."""

WIDTH = {"vehicle": 1.35, "two-wheeler": 1.4, "figure": 0.5}
"""Body width over its height."""

SMALLEST, LARGEST = 12.0, 38.0
"""Bounds of the body height in units (pixels at 128 rows)."""

MAST = 1.3
"""Mast length over body height."""

DECOYS = (0.5, 1.5)
"""Where a decoy may hang, over the mast's length: as far from its body as the true flag of a smaller or larger one."""

FLAG = 9.0
"""Width and height of a flag in units; flags do not shrink with distance."""


@dataclass(frozen=True)
class Body:
    """One body: kind, class name, x of its centre, row of its feet, width and height in pixels."""

    kind: str
    name: str
    x: float
    feet: float
    width: float
    height: float

    def bounds(self, unit: float) -> list[tuple[float, float, float, float]]:
        """Rectangles (left, top, right, bottom) that hold it: the body, and its mast with the flag."""
        top, half, flag = self.feet - self.height, self.width / 2, (FLAG / 2 + 1) * unit
        mast = (self.x - flag, top - self.height * MAST - flag, self.x + flag, top)
        return [(self.x - half, top, self.x + half, self.feet), mast]


def place_bodies(view: View, rng: np.random.Generator, taken: list) -> list[Body]:
    """Choose bodies that hide neither each other nor each other's flags; their bounds are added to `taken`."""
    crowd = view.width / view.height / 1.5
    kinds = [kind for kind, between in COUNT.items() for _ in range(max(1, round(rng.integers(*between) * crowd)))]
    found = (_find_room(view, rng, taken, kind) for kind in rng.permutation(kinds))
    return [body for body in found if body is not None]


def _find_room(view: View, rng: np.random.Generator, taken: list, kind: str) -> Body | None:
    names, u = list(KINDS[kind]), view.unit
    name = names[rng.integers(len(names))]
    low, high = view.road if kind == "vehicle" else view.edge
    for _ in range(60):
        near = rng.uniform(0.2, 0.98)
        height = (view.height - view.horizon) * near * rng.uniform(*HEIGHT[kind])
        height = min(max(height, SMALLEST * u), LARGEST * u)
        left, feet = view.along(low, near)
        right, _ = view.along(high, near)
        x = rng.uniform(max(left, 0), min(right, view.width))
        body = Body(kind, name, x, feet, height * WIDTH[kind] * rng.uniform(0.92, 1.08), height)
        whole, mast = body.bounds(u)
        inside = mast[1] > 0 and mast[0] > 0 and mast[2] < view.width
        if inside and is_free(taken, whole) and is_free(taken, mast):
            taken += [whole, mast]
            return body
    return None


@dataclass(frozen=True)
class Decoy:
    """A second flag on a body's mast: its class, which says nothing about the body's, and its place of DECOYS."""

    name: str
    up: float


def decoy_of(view: View, rng: np.random.Generator, body: Body, taken: list) -> Decoy:
    """Its class is one of the body's kind, drawn without regard to the body's own. It hangs above the true flag as
    often as below, except where it would leave the picture or hide something of `taken`; it is added there.
    """
    names = list(KINDS[body.kind])
    name, up = names[rng.integers(len(names))], DECOYS[rng.integers(len(DECOYS))]
    own = body.bounds(view.unit)[1]
    left, top, right, _ = own
    above = (left, top - (max(DECOYS) - 1) * MAST * body.height, right, top)
    if up < 1 or above[1] < 0 or not is_free([each for each in taken if each != own], above):
        return Decoy(name, min(DECOYS))
    taken.append(above)
    return Decoy(name, up)


def draw_body(canvas: Canvas, view: View, rng: np.random.Generator, body: Body, decoy: Decoy | None = None) -> None:
    """Draw one body with its mast and flag, which belong to it: they carry its label.

    decoy : hangs on the mast, too, which then ends above all flags, so that no flag looks like the last one
    """
    _DRAW[body.kind](canvas, rng, body)
    u, half = view.unit, FLAG * view.unit / 2
    label, edge, top = ID[body.name], half + 0.8 * u, body.feet - body.height
    flags = [*([(decoy.name, decoy.up)] if decoy else []), (body.name, 1.0)]
    length = body.height * MAST * max(DECOYS) + FLAG * u if decoy else body.height * MAST
    canvas.box(body.x - 0.5 * u, top - length, body.x + 0.5 * u, top, (60, 60, 64), label)
    for name, up in flags:
        middle = top - body.height * MAST * up
        canvas.box(body.x - edge, middle - edge, body.x + edge, middle + edge, (250, 250, 250), label)
        canvas.box(body.x - half, middle - half, body.x + half, middle + half, KINDS[body.kind][name], label)


class _Pen:
    """Draws in the body's own coordinates: (0, 0) its upper left corner, (1, 1) its lower right one."""

    def __init__(self, canvas: Canvas, body: Body):
        self._canvas, self._body, self._label = canvas, body, ID[body.name]

    def _place(self, x0, y0, x1, y1) -> tuple[float, float, float, float]:
        b = self._body
        left, top = b.x - b.width / 2, b.feet - b.height
        return left + x0 * b.width, top + y0 * b.height, left + x1 * b.width, top + y1 * b.height

    def box(self, x0, y0, x1, y1, colour):
        self._canvas.box(*self._place(x0, y0, x1, y1), colour, self._label)

    def ellipse(self, x0, y0, x1, y1, colour):
        self._canvas.ellipse(*self._place(x0, y0, x1, y1), colour, self._label)


def _vehicle(canvas: Canvas, rng: np.random.Generator, body: Body) -> None:
    """A van seen from behind."""
    pen, paint = _Pen(canvas, body), np.array((150, 152, 160)) + rng.uniform(-45, 45) + rng.uniform(-6, 6, 3)
    pen.box(0.08, 0.82, 0.28, 1.0, (24, 24, 26))
    pen.box(0.72, 0.82, 0.92, 1.0, (24, 24, 26))
    pen.box(0.06, 0.0, 0.94, 0.2, paint)
    pen.box(0.0, 0.12, 1.0, 0.88, paint)
    pen.box(0.12, 0.14, 0.88, 0.44, (46, 54, 66))
    pen.box(0.0, 0.72, 1.0, 0.80, paint * 0.6)
    pen.box(0.03, 0.52, 0.15, 0.64, (150, 62, 58))
    pen.box(0.85, 0.52, 0.97, 0.64, (150, 62, 58))
    pen.box(0.36, 0.62, 0.64, 0.70, (224, 224, 216))


def _two_wheeler(canvas: Canvas, rng: np.random.Generator, body: Body) -> None:
    """Two wheels, a frame, a saddle and a handlebar, seen from the side."""
    pen, paint = _Pen(canvas, body), np.array((198, 190, 180)) + rng.uniform(-25, 25)
    for left in (0.0, 0.56):
        pen.ellipse(left, 0.36, left + 0.44, 1.0, (26, 26, 28))
        pen.ellipse(left + 0.11, 0.52, left + 0.33, 0.84, (122, 122, 126))
    pen.box(0.20, 0.36, 0.80, 0.62, paint)
    pen.box(0.14, 0.14, 0.46, 0.36, (40, 38, 40))
    pen.box(0.66, 0.0, 0.80, 0.40, paint * 0.6)
    pen.box(0.56, 0.0, 0.92, 0.10, (40, 38, 40))


def _figure(canvas: Canvas, rng: np.random.Generator, body: Body) -> None:
    """A standing figure."""
    pen, coat = _Pen(canvas, body), np.array((110, 84, 90)) + rng.uniform(-24, 24) + rng.uniform(-8, 8, 3)
    pen.box(0.10, 0.55, 0.46, 1.0, (52, 54, 70))
    pen.box(0.54, 0.55, 0.90, 1.0, (52, 54, 70))
    pen.box(0.0, 0.22, 1.0, 0.60, coat)
    pen.ellipse(0.22, 0.0, 0.78, 0.26, (206, 164, 140))


_DRAW = {"vehicle": _vehicle, "two-wheeler": _two_wheeler, "figure": _figure}
