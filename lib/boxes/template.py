# SPDX-License-Identifier: Apache-2.0
"""Anchors and targets of a tracker that looks for one template in a larger picture (Li et al. 2018, Siamese RPN).

A cell of its map is about the template moved by whole strides from the picture's corner, so the anchors' middles are
the template's middle and whole strides from there. songdejia/Siamese-RPN-pytorch (code_v1.0) has them 15 apart, at 7,
22, 37, ..., under a network of stride 8, and makes 16 of the 30 best anchors targets, however little they overlap. Both
are numbers here: `tracker_anchors(base, (7, 7), 15, ...)` and `PairRule(0.5, 0.1, best=30)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.boxes import geometry
from lib.boxes.anchors import grid_anchors
from lib.boxes.targets import BACKGROUND, IGNORED, AnchorTargets

TARGET = 1


def tracker_base(side: float, ratios: Sequence[float]) -> np.ndarray:
    """float64 (A, 4): boxes around (0, 0) with the area of a square of `side` pixels and these heights over widths.

    Raises ValueError for a number that is not positive.
    """
    shapes = np.asarray(ratios, np.float64)
    if shapes.ndim != 1 or not len(shapes) or not all(0 < each < np.inf for each in (side, *shapes)):
        raise ValueError(f"anchors: expected positive numbers, got side {side}, ratios {ratios}")
    half = np.stack([side / np.sqrt(shapes) - 1, side * np.sqrt(shapes) - 1], axis=1) / 2
    return np.concatenate([-half, half], axis=1)


def tracker_anchors(base: np.ndarray, first: tuple[float, float], stride: float, size) -> np.ndarray:
    """float64 (h * w * A, 4): `base` around the middles first + stride * (row, column) of a map of `size` (h, w).

    first: (y, x), the middle (t - 1) / 2 of a template of t pixels. Anchors run fastest, then columns.
    """
    y, x = first
    return grid_anchors(base + np.array([x, y, x, y]), stride, *size)


@dataclass(frozen=True)
class PairRule:
    """An anchor is the target from an IoU of `positive` on, background below `negative`. batch: of a pair's anchors
    that many count at most, of them `positives` at most as targets. best: 0, or the original's way: so many of the best
    anchors may be targets, whatever their IoU, if the best one exceeds `positive`."""

    positive: float = 0.6
    negative: float = 0.3
    batch: int = 64
    positives: int = 16
    best: int = 0

    def __post_init__(self):
        if not 0 <= self.negative <= self.positive <= 1 or not 1 <= self.positives <= self.batch or self.best < 0:
            raise ValueError(f"expected 0 <= negative <= positive <= 1, 1 <= positives <= batch, best >= 0, got {self}")


def pair_targets(anchors: np.ndarray, box, rule: PairRule, random: np.random.Generator) -> AnchorTargets:
    """What anchors (N, 4) learn of a search picture in which the target has this box, (4,); None: it is not there.

    random: draws which anchors count. Where there are fewer of a kind than the rule takes, all of them count (the
    original stops with an error below 48 of background).
    """
    labels = np.full(len(anchors), IGNORED, np.int64)
    deltas, weights = np.zeros((len(anchors), 4)), np.zeros(len(anchors))
    overlap = np.zeros(len(anchors)) if box is None else geometry.iou(anchors, np.asarray(box)[None])[:, 0]
    targets = _candidates(overlap, rule)
    chosen = _draw(targets, rule.positives, random)
    background = np.setdiff1d(np.flatnonzero(overlap < rule.negative), chosen)
    labels[_draw(background, rule.batch - rule.positives, random)] = BACKGROUND
    labels[chosen] = TARGET
    if len(chosen):
        deltas[chosen] = geometry.encode(anchors[chosen], np.repeat(np.asarray(box, np.float64)[None], len(chosen), 0))
        weights[chosen] = 1
    return AnchorTargets(labels, deltas, weights)


def _candidates(overlap: np.ndarray, rule: PairRule) -> np.ndarray:
    if not rule.best:
        return np.flatnonzero((overlap >= rule.positive) & (overlap > 0))
    count = rule.best if overlap.max(initial=0) > rule.positive else 0
    return np.argsort(-overlap, kind="stable")[:count]


def _draw(found: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    return found if len(found) <= most else random.choice(found, most, replace=False)


def from_corner(boxes: np.ndarray) -> np.ndarray:
    """[x1, y1, x2, y2] of boxes (..., 4) as trackers' files have them, [x, y, width, height]."""
    boxes = np.array(boxes, np.float64)
    boxes[..., 2:] += boxes[..., :2] - 1
    return boxes


def to_corner(boxes: np.ndarray) -> np.ndarray:
    """[x, y, width, height] of boxes (..., 4), [x1, y1, x2, y2]."""
    boxes = np.array(boxes, np.float64)
    boxes[..., 2:] -= boxes[..., :2] - 1
    return boxes
