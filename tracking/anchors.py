# SPDX-License-Identifier: Apache-2.0
"""The anchors of a configuration, and the rule by which they learn."""

from __future__ import annotations

import numpy as np

from lib.boxes.template import PairRule, tracker_anchors, tracker_base
from tracking.modules import NETWORKS


def map_side(cfg, search: int) -> int:
    """Cells along a side of the map for a search picture of so many pixels: so many places has the template in it."""
    return features_side(cfg, search) - features_side(cfg, cfg.net.template) + 1


def features_side(cfg, side: int) -> int:
    """Cells along a side of the features of a picture of so many pixels; below 1 if it is too small."""
    return NETWORKS[cfg.symbol].features_side(cfg.net, side)


def anchors_of(cfg, search: int) -> np.ndarray:
    """float64 (M, 4) of a search picture of so many pixels, see `lib.boxes.template.tracker_anchors`."""
    net, side = cfg.net, map_side(cfg, search)
    first = (net.template - 1) / 2 if net.anchor_first < 0 else net.anchor_first
    base = tracker_base(net.anchor_side, net.anchor_ratios)
    return tracker_anchors(base, (first, first), net.anchor_stride, (side, side))


def rule_of(cfg) -> PairRule:
    net = cfg.net
    return PairRule(net.positive, net.negative, net.anchors_counted, net.anchors_positive, net.best)
