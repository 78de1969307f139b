# SPDX-License-Identifier: Apache-2.0
"""The anchors of a configuration: of which map they are, and what they learn."""

from __future__ import annotations

import numpy as np

from detection.schema import map_strides, two_stage
from lib.boxes.anchors import base_anchors, grid_anchors
from lib.boxes.targets import AnchorRule, anchor_targets
from lib.config.maps import cells


def map_size(cfg, height: int, width: int) -> tuple[int, int]:
    """(h, w) of the map from which boxes are proposed, of a picture of these sides."""
    stride = map_strides(cfg)[0]
    return cells(height, cfg.net, stride), cells(width, cfg.net, stride)


def base(cfg) -> np.ndarray:
    """(A, 4), in the first cell."""
    network = cfg.network
    return base_anchors(network.RPN_FEAT_STRIDE, network.ANCHOR_RATIOS, network.ANCHOR_SCALES)


def grid(cfg, height: int, width: int) -> np.ndarray:
    """(h * w * A, 4) of a map."""
    return grid_anchors(base(cfg), cfg.network.RPN_FEAT_STRIDE, height, width)


def targets(cfg, size: tuple[int, int], image, boxes, classes, random) -> dict[str, np.ndarray]:
    """The network's inputs label (A*h*w,), bbox_target and bbox_weight (4*A, h, w), float32, of one picture.

    size: (height, width) of the input with its padding. image: of the picture itself. boxes: (G, 4). classes: (G,);
    they matter to a class-aware RPN alone. random: which anchors count.
    """
    height, width = map_size(cfg, *size)
    train, count = cfg.TRAIN, cfg.network.NUM_ANCHORS
    rule = AnchorRule(
        train.RPN_POSITIVE_OVERLAP,
        train.RPN_NEGATIVE_OVERLAP,
        train.RPN_CLOBBER_POSITIVES,
        train.RPN_BATCH_SIZE,
        train.RPN_FG_FRACTION,
    )
    made = anchor_targets(grid(cfg, height, width), boxes, None if two_stage(cfg) else classes, image, rule, random)
    weights = made.weights[:, None] * np.asarray(train.RPN_BBOX_WEIGHTS)

    def as_map(values):
        return values.reshape(height, width, count * 4).transpose(2, 0, 1).astype(np.float32)

    label = made.labels.reshape(height, width, count).transpose(2, 0, 1).reshape(-1)
    return {"label": label.astype(np.float32), "bbox_target": as_map(made.deltas), "bbox_weight": as_map(weights)}
