# SPDX-License-Identifier: Apache-2.0
"""Boxes that may hold an object, from what a proposal network says of its anchors (Ren et al. 2015, arXiv 1506.01497).

Where this differs from the original's Python operator: every cell of the map proposes (there, the last row and column
are left out where the picture is no multiple of the stride); the order of equal scores is defined; the list is filled
up by going round, not at random; where no box is large enough the whole picture is proposed (there, nothing comes out).
From MXNet's contrib.Proposal: too small boxes are gone, not enlarged; nothing comes from outside the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.boxes import geometry
from lib.boxes.suppression import falling, nms


@dataclass(frozen=True)
class ProposalRule:
    """before, after: how many boxes go into non-maximum suppression and come out at most. threshold: of its IoU.
    min_size: the shortest side, in pixels of the unscaled picture."""

    before: int = 6000
    after: int = 300
    threshold: float = 0.7
    min_size: float = 16


def proposals(anchors, deltas, scores, info, rule: ProposalRule) -> tuple[np.ndarray, np.ndarray]:
    """(boxes (K, 4), scores (K,)) of one picture, best first, 1 <= K <= rule.after.

    anchors, deltas: (N, 4). scores: (N,), of being an object. info: (height, width, scale) of the picture as the
    network sees it, without what it was padded with; of a padded picture, give only the anchors that lie `within` it.
    What is not finite is left out: the loss of a network that has diverged tells it.
    """
    given = np.asarray(info, np.float64)
    if given.shape != (3,) or not given[2] > 0:
        raise ValueError(f"info: expected (height, width, scale) of a picture, got {info}")
    height, width, scale = given.tolist()
    anchors, deltas, scores = geometry.checked(anchors, "anchors"), np.asarray(deltas), np.asarray(scores, np.float64)
    for what, array, shape in (("deltas", deltas, anchors.shape), ("scores", scores, anchors.shape[:1])):
        if array.shape != shape:
            raise ValueError(f"{what}: expected {shape} as of {len(anchors)} anchors, got {array.shape}")
    boxes = geometry.clip(geometry.decode(anchors, deltas), height, width)
    fit = (np.minimum(*geometry.sizes(boxes)) >= rule.min_size * scale) & np.isfinite(scores)  # no NaN passes either
    boxes, scores = boxes[fit], scores[fit]
    order = falling(scores)[: rule.before]
    boxes, scores = boxes[order], scores[order]
    kept = nms(boxes, scores, rule.threshold, rule.after)
    if len(kept) == 0:
        return np.array([[0, 0, width - 1, height - 1]]), np.zeros(1)
    return boxes[kept], scores[kept]


def filled(values: np.ndarray, count: int) -> np.ndarray:
    """The first `count` of values (K, ...), K >= 1, going round where there are fewer."""
    if count and not len(values):
        raise ValueError(f"expected a value at least to make {count} of, got none")
    return values[np.arange(count) % len(values)]


def within(base: np.ndarray, stride: int, height: int, width: int, size) -> np.ndarray:
    """bool (height * width * A,): which anchors of a map belong to cells that begin inside a picture of `size` (height,
    width), in the order of `grid_anchors`. The others lie in what the picture was padded with."""
    y, x = np.mgrid[:height, :width] * stride
    return np.repeat(((y < size[0]) & (x < size[1])).ravel(), len(base))
