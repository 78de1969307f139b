# SPDX-License-Identifier: Apache-2.0
"""What a Siamese RPN minimises: which anchors hold the target, and how those that do must move."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss


def per_anchor(maps: Tensor, each: int) -> Tensor:
    """(N, each * A, h, w) -> (N, h * w * A, each), in the order of `lib.boxes.anchors.grid_anchors`."""
    count, channels, height, width = maps.shape
    split = maps.reshape(count, channels // each, each, height, width)
    return split.permute(0, 3, 4, 1, 2).reshape(count, -1, each)


def pair_losses(scores: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor, batch: int, positives: int):
    """(loss of the class, loss of the box), each a mean over the N pairs.

    scores: (N, M, 2). deltas, targets: (N, M, 4). labels: (N, M), 1 target, 0 background, -1 does not count. The cross
    entropies of a pair's anchors are summed and divided by `batch`; the smooth L1 losses of its target anchors, each a
    mean over the four numbers, by `positives`: of the full numbers that are drawn, whether or not there are as many.
    """
    count = len(scores)
    each = cross_entropy(scores.flatten(0, 1), labels.long().flatten(), ignore_index=-1, reduction="sum")
    moved = smooth_l1_loss(deltas, targets, reduction="none").mean(-1)
    of_targets = torch.where(labels == 1, moved, torch.zeros_like(moved)).sum()
    return each / (batch * count), of_targets / (positives * count)
