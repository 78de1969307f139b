# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import numpy as np
import pytest

from lib.boxes.anchors import base_anchors, grid_anchors, per_anchor, scores_per_anchor
from lib.boxes.proposals import ProposalRule, filled, proposals, within


def test_by_hand():
    anchors = np.array([[0.0, 0, 19, 19], [2, 0, 21, 19], [40, 40, 59, 59], [50, 50, 54, 54], [90, 90, 120, 120]])
    scores = np.array([0.6, 0.9, 0.7, 0.99, 0.1])
    made, own = proposals(anchors, np.zeros((5, 4)), scores, (100, 100, 1), ProposalRule(10, 5, 0.7, 16))
    # The fourth is too small and the last one too, once it is clipped to 10 pixels; the first overlaps the second.
    assert made.tolist() == [[2, 0, 21, 19], [40, 40, 59, 59]] and own.tolist() == [0.9, 0.7]
    made, _ = proposals(anchors, np.zeros((5, 4)), scores, (100, 100, 0.5), ProposalRule(10, 5, 0.7, 16))
    assert made.tolist() == [[2, 0, 21, 19], [40, 40, 59, 59], [90, 90, 99, 99]]  # 8 pixels are enough at half size
    assert (
        proposals(anchors, np.zeros((5, 4)), scores, (100, 100, 0.5), ProposalRule(10, 2))[0].tolist()
        == made[:2].tolist()
    )
    assert len(proposals(anchors, np.zeros((5, 4)), scores, (100, 100, 0.5), ProposalRule(1, 9))[0]) == 1


def test_where_nothing_is_large_enough_the_whole_picture_is_proposed():
    made, score = proposals(np.array([[0.0, 0, 3, 3]]), np.zeros((1, 4)), np.ones(1), (30, 50, 1), ProposalRule())
    assert made.tolist() == [[0, 0, 49, 29]] and score.tolist() == [0]


def test_what_is_not_finite_is_left_out():
    anchors = np.array([[0.0, 0, 19, 19], [30, 0, 49, 19], [60, 0, 79, 19]])
    deltas = np.array([[np.nan, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    made, _ = proposals(anchors, deltas, np.array([1, 0.5, np.nan]), (100, 100, 1), ProposalRule())
    assert made.tolist() == [[30, 0, 49, 19]]


def test_lists_are_filled_by_going_round():
    assert filled(np.array([[1, 2], [3, 4]]), 5)[:, 0].tolist() == [1, 3, 1, 3, 1]


def test_the_last_row_and_column_propose_too_and_padding_does_not():
    """The original's grid of a picture of 600 x 1000 is 37 x 62 of the map's 38 x 63."""
    base = base_anchors(16, (1,), (1,))
    assert within(base, 16, 38, 63, (600, 1000)).all()
    inside = within(base, 16, 40, 64, (600, 1000)).reshape(40, 64)
    assert inside[:38, :63].all() and not inside[38:].any() and not inside[:, 63:].any()


def network_output(seed: int, A: int, height: int, width: int):
    random = np.random.default_rng(seed)
    foreground = random.permutation(A * height * width).reshape(A, height, width) / (A * height * width)
    scores = np.concatenate([1 - foreground, foreground])
    return scores.astype(np.float32), random.normal(0, 0.3, (4 * A, height, width)).astype(np.float32)


def test_as_stock_mxnet_where_its_boxes_are_large_enough():
    """contrib.Proposal enlarges what is too small and lets it through; with min_size 1 nothing is."""
    mx = pytest.importorskip("mxnet")
    A, height, width, ratios, scales = 9, 12, 20, (0.5, 1, 2), (2, 4, 8)
    for seed in range(3):
        scores, deltas = network_output(seed, A, height, width)
        info = (16 * height, 16 * width, 1)
        base = base_anchors(16, ratios, scales)
        made, own = proposals(
            grid_anchors(base, 16, height, width), per_anchor(deltas, A), scores_per_anchor(scores, A)[:, 1], info,
            ProposalRule(1000, 100, 0.7, 1),
        )  # fmt: skip
        theirs, their_scores = mx.nd.contrib.Proposal(
            mx.nd.array(scores[None]), mx.nd.array(deltas[None]), mx.nd.array([info]), rpn_pre_nms_top_n=1000,
            rpn_post_nms_top_n=100, threshold=0.7, rpn_min_size=1, scales=scales, ratios=ratios, feature_stride=16,
            output_score=True,
        )  # fmt: skip
        assert np.allclose(filled(made, 100), theirs.asnumpy()[:, 1:], atol=2e-3)
        assert np.allclose(filled(own, 100), their_scores.asnumpy()[:, 0], atol=1e-6)


def test_three_hundred_of_six_thousand_are_found_in_20_ms():
    """Of a picture of 600 x 1000 with 9 anchors; the best of several tries, for the machine may be busy."""
    A, height, width = 9, 38, 63
    scores, deltas = network_output(0, A, height, width)
    anchors = grid_anchors(base_anchors(16, (0.5, 1, 2), (8, 16, 32)), 16, height, width)
    times = []
    for _ in range(7):
        begin = time.process_time()
        made, _ = proposals(
            anchors, per_anchor(deltas, A), scores_per_anchor(scores, A)[:, 1], (600, 1000, 1.6), ProposalRule()
        )
        times.append(time.process_time() - begin)
    assert len(made) == 300 and min(times) <= 0.02, times


@pytest.mark.parametrize(
    "deltas, scores, info, told",
    [
        ((2, 8), 2, (50, 50, 1), r"deltas: expected \(2, 4\) as of 2 anchors, got \(2, 8\)"),
        ((2, 4), 1, (50, 50, 1), r"scores: expected \(2,\) as of 2 anchors, got \(1,\)"),
        ((2, 4), 2, (50, 50), r"info: expected \(height, width, scale\)"),
        ((2, 4), 2, (50, 50, np.nan), r"info: expected \(height, width, scale\)"),
        ((2, 4), 2, (0, 50, 1), "at least one pixel, got height 0.0"),
    ],
)
def test_what_does_not_fit_the_anchors_is_refused(deltas, scores, info, told):
    with pytest.raises(ValueError, match=told):
        proposals(np.array([[0, 0, 20, 20], [5, 5, 30, 30]]), np.zeros(deltas), np.zeros(scores), info, ProposalRule())
    with pytest.raises(ValueError, match="expected a value at least to make 3 of, got none"):
        filled(np.zeros((0, 4)), 3)
