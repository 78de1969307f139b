# SPDX-License-Identifier: Apache-2.0
"""Noise, cut into rectangles, each of which is to be shown displaced by a step of its own.

A network sees the noise and, at every position, which step its rectangle makes. It must copy one value from that far
away, and something else right across the border of the rectangle. Chance cannot help: no value of the noise says
anything about another one that is more than a pixel away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REACH = 8  # the largest step in y or in x, one more than 5 x 5 samples 3 apart with 3 x 3 taps can see
SIDE = 48
RECTANGLES = 12


@dataclass(frozen=True)
class Scenes:
    """noise, target: float32 (N, 1, SIDE, SIDE), of mean 0 and variance 1; the target is 0 where the step leaves the
    picture. code: (N, 2 * (2 * REACH + 1), SIDE, SIDE), two ones at every position: its step in y and its step in x.
    distance: (N, SIDE, SIDE), the greater of the two steps in pixels. border: (N, SIDE, SIDE), whether another
    rectangle begins within 2 pixels."""

    noise: np.ndarray
    code: np.ndarray
    target: np.ndarray
    distance: np.ndarray
    border: np.ndarray


def scenes(random: np.random.Generator, count: int) -> Scenes:
    """Every distance from 0 to REACH is equally likely, and so is every step of that distance."""
    noise = random.standard_normal((count, SIDE, SIDE))
    noise = 0.8 * noise + 0.6 * np.roll(noise, 1, axis=2)  # neighbours resemble each other a little; variance 1
    steps, border = zip(*(_steps(random) for _ in range(count)))
    steps, border = np.stack(steps), np.stack(border)
    y, x = (each + steps[:, axis] for axis, each in enumerate(np.mgrid[:SIDE, :SIDE]))
    inside = (y >= 0) & (y < SIDE) & (x >= 0) & (x < SIDE)
    target = noise[np.arange(count)[:, None, None], y.clip(0, SIDE - 1), x.clip(0, SIDE - 1)] * inside
    sides = np.arange(-REACH, REACH + 1)[:, None, None]
    code = np.concatenate([steps[:, axis, None] == sides for axis in (0, 1)], axis=1)
    return Scenes(
        noise=noise[:, None].astype(np.float32),
        code=code.astype(np.float32),
        target=target[:, None].astype(np.float32),
        distance=np.abs(steps).max(axis=1),
        border=border,
    )


def _steps(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """((2, SIDE, SIDE) steps in y and x, (SIDE, SIDE) near a border)"""
    steps, owner = np.empty((2, SIDE, SIDE), np.int64), np.zeros((SIDE, SIDE), np.int64)
    steps[:] = _step(random)[:, None, None]
    for number in range(1, RECTANGLES):
        (top, left), (height, width) = random.integers(0, SIDE - 8, 2), random.integers(8, SIDE // 2, 2)
        place = np.s_[top : top + height, left : left + width]
        steps[(slice(None), *place)], owner[place] = _step(random)[:, None, None], number
    wide = np.pad(owner, 2, mode="edge")
    shifted = [wide[dy : dy + SIDE, dx : dx + SIDE] for dy in range(5) for dx in range(5)]
    return steps, np.any([each != owner for each in shifted], axis=0)


def _step(random: np.random.Generator) -> np.ndarray:
    distance = random.integers(0, REACH + 1)
    step = random.integers(-distance, distance + 1, 2)
    step[random.integers(2)] = distance * random.choice((-1, 1))
    return step
