# SPDX-License-Identifier: Apache-2.0
"""What anchors learn: which of them are objects, and how they must move (the original's lib/rpn/rpn.py, rules of Ren et
al. 2015).

Where this differs from the original: an object that no anchor touches makes no anchor an object (there, every anchor
ties its best overlap of 0); boxes are real numbers, not uint16, so that none wraps around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.boxes import geometry

IGNORED, BACKGROUND = -1, 0


@dataclass(frozen=True)
class AnchorRule:
    """positive, negative: an anchor whose best IoU is at least the one is an object, below the other background.
    clobber: background wins over being the best anchor of an object. batch: how many anchors of a picture count, 0 =
    all; fg_fraction: how much of them may be objects."""

    positive: float = 0.7
    negative: float = 0.3
    clobber: bool = False
    batch: int = 256
    fg_fraction: float = 0.5


@dataclass(frozen=True)
class AnchorTargets:
    """labels: int64 (N,), -1 ignored, 0 background, else the object's class (1 where classes do not matter).
    deltas: float64 (N, 4), of objects, else 0. weights: float64 (N,), 1 of objects, else 0."""

    labels: np.ndarray
    deltas: np.ndarray
    weights: np.ndarray


def checked_classes(classes, count: int) -> np.ndarray:
    """int64 (count,). Raises ValueError for another shape or what is no whole number from 1."""
    numbers = np.asarray(classes, np.float64)
    if numbers.shape != (count,) or not (np.isfinite(numbers) & (numbers >= 1) & (numbers == np.floor(numbers))).all():
        raise ValueError(f"classes: expected {count} numbers from 1, whole ones, one per box, got {classes}")
    return numbers.astype(np.int64)


def anchor_targets(anchors, truth, classes, size, rule: AnchorRule, random: np.random.Generator) -> AnchorTargets:
    """The targets of anchors (N, 4) in a picture of `size` (height, width).

    truth: (G, 4); G may be 0. classes: (G,), from 1; None: every object is class 1. random: draws which anchors count.
    Anchors that reach out of the picture are ignored.
    """
    anchors, truth = geometry.checked(anchors, "anchors"), geometry.checked(truth, "truth")
    classes = checked_classes(np.ones(len(truth)) if classes is None else classes, len(truth))
    labels = np.full(len(anchors), IGNORED, np.int64)
    deltas, weights = np.zeros((len(anchors), 4)), np.zeros(len(anchors))
    height, width = size
    inside = np.flatnonzero((anchors[:, :2] >= 0).all(1) & (anchors[:, 2] < width) & (anchors[:, 3] < height))
    if len(inside) == 0:
        return AnchorTargets(labels, deltas, weights)
    nearest, kinds = _kinds(anchors[inside], truth, rule)
    kinds = _drawn(kinds, rule, random)
    chosen = inside[kinds == 1]
    labels[inside] = kinds
    if len(chosen):
        match = nearest[kinds == 1]
        labels[chosen] = classes[match]
        deltas[chosen] = geometry.encode(anchors[chosen], truth[match])
        weights[chosen] = 1
    return AnchorTargets(labels, deltas, weights)


def _kinds(anchors, truth, rule: AnchorRule) -> tuple[np.ndarray, np.ndarray]:
    """(nearest object of each anchor, 1 object / 0 background / -1 between)."""
    if len(truth) == 0:
        return np.zeros(len(anchors), np.int64), np.zeros(len(anchors), np.int64)
    overlap = geometry.iou(anchors, truth)
    best, ties = overlap.max(1), overlap.max(0)
    kinds = np.full(len(anchors), IGNORED, np.int64)
    kinds[best < rule.negative] = 0
    kinds[((overlap == ties) & (ties > 0)).any(1)] = 1
    kinds[best >= rule.positive] = 1
    if rule.clobber:
        kinds[best < rule.negative] = 0
    return overlap.argmax(1), kinds


def _drawn(kinds, rule: AnchorRule, random) -> np.ndarray:
    """Takes objects and background at random down to the rule's numbers."""
    if not rule.batch:
        return kinds
    kinds = kinds.copy()
    _thin(kinds, 1, int(rule.fg_fraction * rule.batch), random)
    _thin(kinds, 0, rule.batch - np.count_nonzero(kinds == 1), random)
    return kinds


def _thin(kinds, kind: int, most: int, random) -> None:
    found = np.flatnonzero(kinds == kind)
    if len(found) > most:
        kinds[random.choice(found, len(found) - most, replace=False)] = IGNORED
