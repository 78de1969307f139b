# SPDX-License-Identifier: Apache-2.0
"""The steps of a detection network on batches, as their engines call them."""

from __future__ import annotations

import numpy as np
import pytest

from lib.boxes.steps import STEPS, numbers

PROPOSAL = {"feat_stride": "8", "ratios": "(0.5, 1.0)", "scales": "(2.0,)", "rpn_pre_nms_top_n": "100",
            "rpn_post_nms_top_n": "5", "threshold": "0.7", "rpn_min_size": "4"}  # fmt: skip
TARGET = {"num_classes": "2", "batch_rois": "-1", "fg_fraction": "0.25", "fg_thresh": "0.5", "bg_thresh_hi": "0.5",
          "bg_thresh_lo": "0.0", "bbox_means": "(0.0, 0.0, 0.0, 0.0)", "bbox_stds": "(0.1, 0.1, 0.2, 0.2)",
          "bbox_weights": "(1.0, 1.0, 1.0, 1.0)"}  # fmt: skip
ROIS = np.array([[0, 0, 0, 9, 9], [0, 40, 40, 60, 60], [1, 0, 0, 9, 9], [1, 5, 5, 30, 30]], float)
GT = np.array([[[0, 0, 9, 9, 3], [5, 5, 30, 30, 2]], [[5, 5, 30, 30, 1], [0, 0, 0, 0, 0]]], float)


def run(name: str, attributes: dict, *arrays) -> list[np.ndarray]:
    step = STEPS[name](attributes)
    made = step(*arrays)
    assert set(attributes) == set(step.attributes)
    assert [each.shape for each in made] == step.shapes(*(each.shape for each in arrays))
    return made


def test_numbers_of_texts():
    assert numbers("(0.5, 1, 2)") == (0.5, 1.0, 2.0) and numbers("[4]") == (4.0,) and numbers("8") == (8.0,)


def test_each_picture_proposes_for_itself_and_padding_does_not():
    random = np.random.default_rng(0)
    probability, deltas = random.random((2, 4, 4, 6)), np.zeros((2, 8, 4, 6))
    info = np.array([[32, 48, 1], [16, 24, 1]], float)
    (both,) = run("proposal", PROPOSAL, probability, deltas, info)
    assert both[:, 0].tolist() == [0] * 5 + [1] * 5
    assert both[5:, [1, 3]].max() <= 23 and both[5:, [2, 4]].max() <= 15
    (second,) = run("proposal", PROPOSAL, probability[1:], deltas[1:], info[1:])
    assert np.array_equal(second[:, 1:], both[5:, 1:])
    probability[1, :, 2:], probability[1, :, :, 3:] = 0, 0  # the surest ones, but outside the picture
    assert np.array_equal(run("proposal", PROPOSAL, probability, deltas, info)[0], both)


def test_the_score_is_what_is_not_background():
    """First come all anchors' probabilities of the background, then the others."""
    probability = np.full((1, 4, 4, 6), 0.5)
    probability[0, 1, 2, 3] = 0.1  # anchor 1 of a cell is no background
    (rois,) = run("proposal", PROPOSAL, probability, np.zeros((1, 8, 4, 6)), np.array([[200, 200, 1.0]]))
    assert rois[0, 1:].tolist() == [3 * 8 + 3.5 - 7.5, 2 * 8 + 3.5 - 7.5, 3 * 8 + 3.5 + 7.5, 2 * 8 + 3.5 + 7.5]


def test_anchors_that_do_not_fit_the_maps_are_refused():
    with pytest.raises(ValueError, match=r"proposal: 2 anchors need bbox_pred \(N, 8, h, w\), got \(1, 12, 4, 6\)"):
        STEPS["proposal"](PROPOSAL).shapes((1, 6, 4, 6), (1, 12, 4, 6), (1, 3))
    # One row of im_info for two pictures would leave the second without proposals.
    with pytest.raises(ValueError, match=r"proposal: cls_prob \(2, 4, 4, 6\) needs im_info \(2, 3\), got \(1, 3\)"):
        STEPS["proposal"](PROPOSAL)(np.zeros((2, 4, 4, 6)), np.zeros((2, 8, 4, 6)), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"needs bbox_pred \(1, 8, 4, 6\), got \(1, 8, 6, 4\)"):
        STEPS["proposal"](PROPOSAL).shapes((1, 4, 4, 6), (1, 8, 6, 4), (1, 3))


def test_all_proposals_are_kept_and_filling_is_ignored():
    rois, label, target, weight = run("proposal_target", TARGET, ROIS, GT)
    assert rois[:, 0].tolist() == [0] * 4 + [1] * 4
    assert label.tolist() == [3, 0, 3, 2, 0, 1, 1, -1]
    assert not weight[label <= 0].any() and weight[label > 0, 4:].all() and not target[label <= 0].any()


def test_no_object_in_a_picture():
    _, label, _, weight = run("proposal_target", TARGET, ROIS, np.zeros((2, 1, 5)))
    assert label.tolist() == [0, 0, -1, 0, 0, -1] and not weight.any()


def test_a_number_of_proposals_is_drawn_from_the_pictures_own_number():
    attributes = {**TARGET, "batch_rois": "2", "fg_fraction": "0.5"}
    assert STEPS["proposal_target"](attributes).inputs == ("rois", "gt_boxes", "draw")
    rois = np.concatenate([np.zeros((30, 1)), np.random.default_rng(0).uniform(0, 50, (30, 2)).repeat(2, 1)], axis=1)
    rois[:, 3:] += 9
    made = [run("proposal_target", attributes, rois, GT[:1], np.array([draw]))[0] for draw in (5.0, 5.0, 6.0)]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])


def test_each_picture_keeps_its_own_hard_examples():
    scores = np.array([[0, 9], [0, 1], [0, 2], [0, 3]], float)  # the background's loss is about 9, 1.3, 2.1, 3
    label, zero = np.zeros(4), np.zeros((4, 8))
    attributes = {"roi_per_img": "1", "batch_images": "2"}
    labels, weights = run("BoxAnnotatorOHEM", attributes, scores, zero, label, zero, zero)
    assert labels.tolist() == [0, -1, -1, 0] and not weights.any()
    attributes["batch_images"] = "1"
    assert run("BoxAnnotatorOHEM", attributes, scores, zero, label, zero, zero)[0].tolist() == [0, -1, -1, -1]
