# SPDX-License-Identifier: Apache-2.0
"""Which proposals a detection head learns from, and what (Girshick 2015; Shrivastava et al. 2016, arXiv 1604.03540).

Where this differs from the original (lib/rpn/rpn.py, operator_py): a list that is too short is filled up with ignored
entries (there, with random proposals that count as background even where they are objects).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.boxes import geometry
from lib.boxes.proposals import filled
from lib.boxes.targets import IGNORED, checked_classes


@dataclass(frozen=True)
class SampleRule:
    """batch: proposals of a picture that count, -1 = all. fg_fraction: how much of them may be objects. fg: from this
    IoU on a proposal is an object; bg_low <= IoU < bg_high: background; else ignored. means, stds: of the deltas.
    weights: of the four in the loss. classes: how many sets of 4 deltas the head gives, background counted; with 2
    (class-agnostic) all objects use the second."""

    batch: int = 128
    fg_fraction: float = 0.25
    fg: float = 0.5
    bg_high: float = 0.5
    bg_low: float = 0.0
    classes: int = 2
    means: tuple = (0.0, 0.0, 0.0, 0.0)
    stds: tuple = (0.1, 0.1, 0.2, 0.2)
    weights: tuple = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Samples:
    """boxes: (R, 4). labels: int64 (R,), -1 ignored, 0 background, else a class. deltas, weights: (R, 4 * classes)."""

    boxes: np.ndarray
    labels: np.ndarray
    deltas: np.ndarray
    weights: np.ndarray


def proposal_targets(boxes, truth, classes, rule: SampleRule, random: np.random.Generator | None = None) -> Samples:
    """What to learn from proposals (P, 4) and the objects (G, 4) themselves, which join them.

    classes: (G,), from 1. R = rule.batch; with -1, R = P + G, in their order. random: draws; not needed for -1.
    Raises ValueError for a class that the head does not have.
    """
    boxes, truth = geometry.checked(boxes, "boxes"), geometry.checked(truth, "truth")
    classes = checked_classes(classes, len(truth))
    if rule.classes > 2 and (classes >= rule.classes).any():
        raise ValueError(f"classes: expected numbers below {rule.classes}, as the head has deltas, got {classes.max()}")
    if rule.batch > 0 and random is None:
        raise ValueError(f"random: needed to draw {rule.batch} of the proposals")
    boxes = np.concatenate([boxes, truth])
    labels, nearest = _labels(boxes, truth, classes, rule)
    if rule.batch > 0:
        chosen = _drawn(labels, rule, random)
        spare = filled(np.arange(len(boxes)), rule.batch - len(chosen)) if len(boxes) else np.zeros(0, np.int64)
        labels = np.concatenate([labels[chosen], np.full(len(spare), IGNORED)])
        chosen = np.concatenate([chosen, spare])
        boxes, nearest = boxes[chosen], nearest[chosen]
    return Samples(boxes, labels, *_targets(boxes, labels, truth, nearest, rule))


def _labels(boxes, truth, classes, rule: SampleRule) -> tuple[np.ndarray, np.ndarray]:
    """(label of each box, number of its nearest object)."""
    if len(truth) == 0:
        best, nearest, found = np.zeros(len(boxes)), np.zeros(len(boxes), np.int64), np.zeros(len(boxes), np.int64)
    else:
        overlap = geometry.iou(boxes, truth)
        best, nearest = overlap.max(1), overlap.argmax(1)
        found = classes[nearest]
    labels = np.where(best >= rule.fg, found, IGNORED)
    labels[(best < min(rule.bg_high, rule.fg)) & (best >= rule.bg_low)] = 0
    return labels, nearest


def _drawn(labels, rule: SampleRule, random) -> np.ndarray:
    """Numbers of the boxes that count, objects first."""
    objects, background = np.flatnonzero(labels > 0), np.flatnonzero(labels == 0)
    most = int(round(rule.fg_fraction * rule.batch))
    if len(objects) > most:
        objects = random.choice(objects, most, replace=False)
    most = rule.batch - len(objects)
    if len(background) > most:
        background = random.choice(background, most, replace=False)
    return np.concatenate([objects, background])


def _targets(boxes, labels, truth, nearest, rule: SampleRule) -> tuple[np.ndarray, np.ndarray]:
    deltas, weights = (np.zeros((len(boxes), 4 * rule.classes)) for _ in range(2))
    rows = np.flatnonzero(labels > 0)
    if len(rows):
        first = 4 * (labels[rows] if rule.classes > 2 else np.ones(len(rows), np.int64))
        columns = first[:, None] + np.arange(4)
        moved = geometry.encode(boxes[rows], truth[nearest[rows]])
        deltas[rows[:, None], columns] = (moved - rule.means) / rule.stds
        weights[rows[:, None], columns] = rule.weights
    return deltas, weights


def smooth_l1(x: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """0.5 * (scale * x)^2 where |x| < 1 / scale^2, else |x| - 0.5 / scale^2 (MXNet's smooth_l1)."""
    far = np.abs(x)
    return np.where(far < 1 / scale**2, 0.5 * (scale * x) ** 2, far - 0.5 / scale**2)


def hard_examples(scores, deltas, samples: Samples, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """(labels (R,), weights (R, 4 * classes)) of the `keep` proposals with the largest loss; the others are ignored.

    scores: (R, C), before the softmax. deltas: (R, 4 * classes), as the head gives them. Equal losses count in the
    proposals' order. Proposals that are ignored already stay so. A loss that is no number counts as the largest, so
    that a network which diverges is seen.
    """
    scores, deltas = np.asarray(scores, np.float64), np.asarray(deltas, np.float64)
    _check_head(scores, deltas, samples, keep)
    counts = samples.labels != IGNORED
    shifted = scores - scores.max(1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(1))
    own = shifted[np.arange(len(scores)), np.where(counts, samples.labels, 0)]
    loss = log_sum - own + (samples.weights * smooth_l1(deltas - samples.deltas)).sum(1)
    loss = np.where(np.isnan(loss), np.inf, loss)
    order = np.argsort(np.where(counts, -loss, np.inf), kind="stable")
    labels, weights = samples.labels.copy(), np.array(samples.weights)
    labels[order[keep:]], weights[order[keep:]] = IGNORED, 0
    return labels, weights


def _check_head(scores, deltas, samples: Samples, keep: int) -> None:
    count = len(samples.labels)
    if scores.ndim != 2 or len(scores) != count:
        raise ValueError(f"scores: expected ({count}, C), got {scores.shape}")
    if deltas.shape != samples.deltas.shape:
        raise ValueError(f"deltas: expected {samples.deltas.shape}, got {deltas.shape}")
    if wrong := [int(each) for each in samples.labels if not IGNORED <= each < scores.shape[1]]:
        raise ValueError(f"labels: expected -1 to {scores.shape[1] - 1}, as there are scores, got {wrong[0]}")
    if keep < 0:
        raise ValueError(f"keep: expected 0 or more, got {keep}")
