# SPDX-License-Identifier: Apache-2.0
"""Poles, traffic lights and traffic signs along the kerb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.labels import ID_OF_NAME as ID
from lib.data.streets.canvas import Canvas
from lib.data.streets.view import View, is_free

KINDS = ("pole", "traffic light", "traffic sign")


@dataclass(frozen=True)
class Post:
    """One post: what it carries, where it stands, its height and half thickness in pixels."""

    kind: str
    x: float
    feet: float
    height: float
    half: float


def place_posts(view: View, rng: np.random.Generator, taken: list) -> list[Post]:
    """Choose a post of each kind on either sidewalk, clear of each other; their bounds are added to `taken`."""
    posts: list[Post] = []
    for kind in KINDS[:: rng.choice((1, -1))]:
        for _ in range(25):
            near = rng.uniform(0.30, 0.85)
            side = rng.integers(2)
            x, feet = view.along(view.road[side] + (side * 2 - 1) * 8 * view.unit, near)
            height = (view.height - view.horizon) * near * rng.uniform(0.85, 1.15)
            post = Post(kind, x, feet, height, max(1.0, 2.6 * near) * view.unit)
            head = _head(post, view.unit) * (0.4 if kind == "pole" else 1.3)
            bounds = (x - head, feet - height - head, x + head, feet)
            if 0 < bounds[0] and bounds[2] < view.width and bounds[1] > 0 and is_free(taken, bounds):
                taken.append(bounds)
                posts.append(post)
                break
    return posts


def _head(post: Post, unit: float) -> float:
    """Half the size of what the post carries, in pixels."""
    return max(3.2 * unit, 2.4 * post.half)


def draw_post(canvas: Canvas, view: View, rng: np.random.Generator, post: Post) -> None:
    """Draw the post and what it carries."""
    x, top, half = post.x, post.feet - post.height, post.half
    grey = np.array((132, 134, 138)) + rng.uniform(-10, 10)
    canvas.box(x - half, top, x + half, post.feet, grey, ID["pole"])
    size = _head(post, view.unit)
    if post.kind == "traffic light":
        canvas.box(x - size * 0.8, top - size, x + size * 0.8, top + size * 2.2, (22, 24, 24), ID["traffic light"])
        lit = rng.integers(3)
        for i, colour in enumerate(((236, 60, 44), (240, 176, 40), (60, 214, 110))):
            y = top - size * 0.8 + i * size
            shown = colour if i == lit else np.array(colour) * 0.35
            canvas.ellipse(x - size * 0.45, y, x + size * 0.45, y + size * 0.9, shown)
    elif post.kind == "traffic sign":
        for radius, colour in ((1.3 * size, (206, 36, 36)), (0.8 * size, (240, 240, 236))):
            canvas.ellipse(x - radius, top - radius, x + radius, top + radius, colour, ID["traffic sign"])
