# SPDX-License-Identifier: Apache-2.0
"""Follows one target from frame to frame with a Siamese RPN (Li et al. 2018; constants: DaSiamRPN, Zhu et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lib.boxes import geometry
from lib.boxes.template import to_corner
from lib.data.crops import crop, from_crop, middle_of, side_of


class Net(Protocol):
    """What a tracker needs of a network."""

    def remember(self, template: np.ndarray) -> None:
        """Takes the target, uint8 (t, t, 3) RGB."""

    def find(self, search: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(anchors (M, 4), probabilities (M,), deltas (M, 4)) of a search picture, uint8 (s, s, 3) RGB, s x s cells of
        anchors, the anchors of one cell side by side."""


@dataclass(frozen=True)
class Rule:
    """template, search: sides of what the network sees, in pixels; small_search: of the search where the target covers
    less than small_share of the first frame. penalty: on boxes whose size or shape differ from the last one's. window:
    weight of a Hann window, which prefers the middle. rate: how fast width and height follow; 1 = at once. min_side: no
    side becomes smaller, in pixels of the frame."""

    template: int = 127
    search: int = 271
    small_search: int = 287
    small_share: float = 0.004
    penalty: float = 0.055
    window: float = 0.42
    rate: float = 0.295
    min_side: float = 10


@dataclass(frozen=True)
class Found:
    """box: [x, y, width, height] in the frame, from 0. score: the network's probability of it."""

    box: np.ndarray
    score: float


class Tracker:
    """One target in one film. The middle of its box follows at once, its sides slowly."""

    def __init__(self, net: Net, rule: Rule):
        self._net, self._rule = net, rule
        self._box = np.zeros(4)
        self._search = rule.search

    def start(self, image: np.ndarray, box) -> None:
        """Takes the target in a frame, uint8 (h, w, 3) RGB. Raises ValueError for a box without an area."""
        box = np.array(box, np.float64)
        if box.shape != (4,) or not np.isfinite(box).all() or min(box[2:]) <= 0:
            raise ValueError(f"box: expected x, y, width and height of an area, got {box.tolist()}")
        small = box[2] * box[3] < self._rule.small_share * image.shape[0] * image.shape[1]
        self._search = self._rule.small_search if small else self._rule.search
        self._box = box
        self._net.remember(crop(image, middle_of(box), side_of(*box[2:]), self._rule.template))

    def step(self, image: np.ndarray) -> Found:
        """Where the target is in the next frame. Raises FloatingPointError where the network gives no numbers."""
        rule, middle = self._rule, middle_of(self._box)
        side = side_of(*self._box[2:]) * self._search / rule.template
        anchors, scores, deltas = self._net.find(crop(image, middle, side, self._search))
        if not (np.isfinite(scores).all() and np.isfinite(deltas).all()):
            raise FloatingPointError("the network's scores or boxes are not finite")
        boxes = to_corner(geometry.decode(anchors, deltas))
        penalty = size_penalty(boxes[:, 2:], self._box[2:] * self._search / side, rule.penalty)
        ranked = (1 - rule.window) * penalty * scores + rule.window * window(len(scores), _per_cell(anchors))
        best = int(ranked.argmax())
        rate = penalty[best] * scores[best] * rule.rate
        found = from_crop(boxes[best], middle, side, self._search)
        sides = (1 - rate) * self._box[2:] + rate * found[2:]
        self._box = _within(middle_of(found), sides, image.shape[:2], rule.min_side)
        return Found(self._box.copy(), float(scores[best]))


def size_penalty(sides: np.ndarray, last: np.ndarray, strength: float) -> np.ndarray:
    """(M,), 1 for sides (M, 2), width and height, of the last one's shape and size, less for others:
    exp(-strength * (r * s - 1)), r and s being how many times the ratio and `side_of` have changed."""

    def change(value):
        return np.maximum(value, 1 / value)

    sides = np.maximum(sides, 1e-6)
    whole = np.sqrt(np.prod(sides + sides.sum(1, keepdims=True) / 2, axis=1))
    ratio = change(sides[:, 0] / sides[:, 1] * last[1] / last[0])
    return np.exp(-strength * (ratio * change(whole / side_of(*last)) - 1))


def window(count: int, per_cell: int) -> np.ndarray:
    """(count,): a Hann window over a square map with per_cell anchors in every cell."""
    side = round(np.sqrt(count / per_cell))
    if side * side * per_cell != count:
        raise ValueError(f"expected {per_cell} anchors in every cell of a square map, got {count}")
    return np.repeat(np.outer(np.hanning(side), np.hanning(side)).ravel(), per_cell)


def _per_cell(anchors: np.ndarray) -> int:
    """How many anchors, from the first on, have one middle."""
    middles = anchors[:, :2] + anchors[:, 2:]
    other = np.flatnonzero(~np.isclose(middles, middles[0]).all(1))
    return int(other[0]) if len(other) else len(anchors)


def _within(middle, sides: np.ndarray, size: tuple[int, int], least: float) -> np.ndarray:
    """The box whose middle lies in the frame and whose sides are not longer than it."""
    y, x = (min(max(0.0, each), limit - 1.0) for each, limit in zip(middle, size))
    width, height = (min(max(least, side), limit) for side, limit in zip(sides, size[::-1]))
    return np.array([x - (width - 1) / 2, y - (height - 1) / 2, width, height])
