# SPDX-License-Identifier: Apache-2.0
"""Anchors and targets of a tracker."""

from __future__ import annotations

import numpy as np
import pytest

from lib.boxes import geometry
from lib.boxes.template import PairRule, from_corner, pair_targets, to_corner, tracker_anchors, tracker_base

RATIOS = (1 / 3, 1 / 2, 1, 2, 3)


def test_bases_have_one_area_and_the_originals_sides():
    base = tracker_base(64, RATIOS)
    widths, heights = geometry.sizes(base)
    np.testing.assert_allclose(widths * heights, 64**2)
    assert np.round(widths, 2).tolist() == [110.85, 90.51, 64.0, 45.25, 36.95]
    assert np.allclose(widths, heights[::-1]) and np.allclose(base[:, :2], -base[:, 2:])
    for side, ratios in ((0, RATIOS), (64, ()), (64, (1, -1)), (64, (np.nan,)), (64, (np.inf,)), (np.inf, RATIOS)):
        with pytest.raises(ValueError, match="expected positive numbers"):
            tracker_base(side, ratios)


def test_middles_are_the_templates_and_whole_strides_from_there():
    found = tracker_anchors(tracker_base(64, RATIOS), (63, 63), 8, (17, 17))
    assert found.shape == (1445, 4)
    middles = (found[:, :2] + found[:, 2:]) / 2
    assert np.allclose(middles[:5], 63) and np.allclose(middles[5], [71, 63]) and np.allclose(middles[-1], 63 + 128)
    original = tracker_anchors(tracker_base(64, RATIOS), (7, 7), 15, (17, 17))
    assert np.allclose((original[-1, :2] + original[-1, 2:]) / 2, 7 + 16 * 15)


def test_targets_overlap_enough_and_background_does_not():
    anchors = tracker_anchors(tracker_base(64, RATIOS), (63, 63), 8, (17, 17))
    box = from_corner(np.array([100, 90, 70, 60]))
    found = pair_targets(anchors, box, PairRule(), np.random.default_rng(0))
    overlap = geometry.iou(anchors, box[None])[:, 0]
    assert (overlap[found.labels == 1] >= 0.6).all() and (overlap[found.labels == 0] < 0.3).all()
    assert (found.labels == 1).sum() == min(16, (overlap >= 0.6).sum()) and (found.labels == 0).sum() == 48
    moved = geometry.decode(anchors, found.deltas)[found.labels == 1]
    np.testing.assert_allclose(moved, np.repeat(box[None], len(moved), 0))
    assert (found.weights == (found.labels == 1)).all() and not found.deltas[found.labels != 1].any()


def test_a_target_that_is_not_there_leaves_background_alone():
    anchors = tracker_anchors(tracker_base(64, RATIOS), (63, 63), 8, (5, 5))
    found = pair_targets(anchors, None, PairRule(batch=300, positives=100), np.random.default_rng(0))
    assert (found.labels == 0).all() and not found.weights.any()  # 125 of 200 asked: all there are
    thin = pair_targets(anchors, from_corner(np.array([0, 0, 2, 2])), PairRule(), np.random.default_rng(0))
    assert set(thin.labels) == {-1, 0}


def test_the_originals_way_takes_anchors_that_hardly_overlap():
    anchors = tracker_anchors(tracker_base(64, RATIOS), (7, 7), 15, (17, 17))
    box, rule = from_corner(np.array([96, 96, 64, 64])), PairRule(0.5, 0.1, best=30)
    found = pair_targets(anchors, box, rule, np.random.default_rng(0))
    overlap = geometry.iou(anchors, box[None])[:, 0]
    assert (found.labels == 1).sum() == 16 and (found.labels == 0).sum() == 48
    assert overlap[found.labels == 1].min() < 0.42 < 0.5 < overlap.max()
    few = pair_targets(anchors, from_corner(np.array([96, 96, 8, 8])), rule, np.random.default_rng(0))
    assert (few.labels == 1).sum() == 0


def test_rules_that_cannot_be_are_refused():
    for wrong in ({"positive": 0.2}, {"positives": 65}, {"positives": 0}, {"best": -1}):
        with pytest.raises(ValueError, match="expected 0 <= negative"):
            PairRule(**wrong)


def test_corner_forms_go_both_ways():
    boxes = np.array([[3.0, 4, 5, 6], [0.5, 0, 1, 1]])
    assert from_corner(boxes).tolist() == [[3, 4, 7, 9], [0.5, 0, 0.5, 0]]
    assert (to_corner(from_corner(boxes)) == boxes).all()
