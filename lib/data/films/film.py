# SPDX-License-Identifier: Apache-2.0
"""One film: a street, a camera that drifts over it, a thing that is followed, and others that look much like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.data.films.thing import Pose, Thing, draw_thing, paint
from lib.data.streets.scene import render

KINDS = ("rigid", "growing", "deforming")
SPLITS = ("train", "val")
NOISE = 5.0
DRIFT = 32  # pixels by which the street is larger than a frame
SIZES = (18.0, 44.0)  # of things, in pixels of a frame 128 high
GRAMMAR = 1
"""Version of the drawing: counts up whenever the films of a seed change."""


@dataclass(frozen=True)
class Actor:
    thing: Thing
    poses: list[Pose]


def film(seed: int, split: str, number: int, size: tuple[int, int, int]) -> Iterator[tuple[np.ndarray, tuple]]:
    """(frame, uint8 (h, w, 3), and the target's box (x, y, width, height), from 0) one after another.

    number: of the film in its split; its kind is KINDS[number % 3]. size: (frames, height, width). It depends on these
    arguments and on nothing else.
    """
    frames, height, width = size
    random = np.random.default_rng((seed, SPLITS.index(split), number, GRAMMAR))
    street, _ = render(seed, split, number, height + DRIFT, width + DRIFT)
    target, *others = _actors(random, KINDS[number % len(KINDS)], size)
    camera = np.stack([_way(random, frames, 0, DRIFT, 0.5) for _ in "yx"], axis=1).round().astype(int)
    for frame, (top, left) in enumerate(camera):
        canvas = street[top : top + height, left : left + width].astype(np.float32)
        for actor in others:
            paint(canvas, actor.thing, actor.poses[frame])
        cover = paint(canvas, target.thing, target.poses[frame])
        canvas += NOISE * random.standard_normal(canvas.shape, np.float32)
        yield (canvas + 0.5).clip(0, 255).astype(np.uint8), box_of(cover)


def box_of(cover: np.ndarray) -> tuple[int, int, int, int]:
    """(x, y, width, height) of what is covered by more than half. Raises ValueError if nothing is."""
    rows, columns = (np.flatnonzero((cover > 0.5).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("the thing is not in the picture")
    return (int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))


def _actors(random: np.random.Generator, kind: str, size) -> list[Actor]:
    """The target, and up to two others with its texture that move in the same manner."""
    target = draw_thing(random)
    things = [target, *(draw_thing(random, target.texture) for _ in range(random.integers(0, 3)))]
    return [Actor(each, _poses(random, kind, size)) for each in things]


def _poses(random: np.random.Generator, kind: str, size) -> list[Pose]:
    frames, height, width = size
    small, large = (each * height / 128 for each in SIZES)
    margin = 0.62 * large
    y, x = (_way(random, frames, margin, side - margin, 1.0) for side in (height, width))
    still, begin = np.ones(frames), random.uniform(small, large)
    sizes, angles, bends, waves, stretches = (
        begin * still,
        random.uniform(-np.pi, np.pi) * still,
        0 * still,
        still,
        still,
    )
    if kind != "rigid":
        angles = angles + _way(random, frames, -1.2, 1.2, 0.5)
    if kind == "growing":
        ends = [small, min(large, small * random.uniform(2, 3))]
        first, last = ends[:: int(random.choice([-1, 1]))]
        sizes = np.geomspace(first, last, frames)
    if kind == "deforming":
        bends = _way(random, frames, 0.1, 0.55, 1.0)
        waves = random.uniform(-np.pi, np.pi) + np.cumsum(random.uniform(0.05, 0.15) * still)
        stretches = np.exp(_way(random, frames, -0.35, 0.35, 1.0))
    columns = (y, x, sizes, angles, bends, waves, stretches)
    return [Pose(*map(float, each)) for each in zip(*columns)]


def _way(random: np.random.Generator, frames: int, low: float, high: float, speed: float) -> np.ndarray:
    """A smooth way between two limits, float64 (frames,): one to three turns in 60 frames at speed 1."""
    time = np.arange(frames) / 60 * speed
    waves = [np.sin(2 * np.pi * (random.uniform(0.6, 1.4) * k * time + random.uniform())) / k for k in (1, 2)]
    return low + (high - low) * (0.5 + sum(waves) / 3)
