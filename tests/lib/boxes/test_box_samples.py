# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.boxes.samples import SampleRule, Samples, hard_examples, proposal_targets, smooth_l1

TRUTH = np.array([[0.0, 0, 99, 99], [200, 200, 249, 299]])
CLASSES = np.array([2, 1])
BOXES = np.array([[0.0, 0, 99, 49], [0, 0, 99, 48], [200, 200, 249, 299], [400, 400, 450, 450]])


def test_all_are_kept_in_their_order_with_the_objects_at_the_end():
    made = proposal_targets(BOXES, TRUTH, CLASSES, SampleRule(batch=-1, classes=2))
    assert made.labels.tolist() == [2, 0, 1, 0, 2, 1]  # IoU .5 is an object, .49 is not
    assert np.array_equal(made.boxes, np.concatenate([BOXES, TRUTH]))
    assert made.weights.tolist() == [[0] * 4 + [1.0 * (label > 0)] * 4 for label in made.labels]
    # Twice as high, half its height further down: (0, .5, 0, log 2) over stds .1, .1, .2, .2
    assert np.allclose(made.deltas[0], [0, 0, 0, 0, 0, 5, 0, 5 * np.log(2)])


def test_each_class_has_its_own_deltas_where_the_head_says_so():
    made = proposal_targets(BOXES, TRUTH, CLASSES, SampleRule(batch=-1, classes=4, means=(0, 0.1, 0, 0)))
    assert np.flatnonzero(made.weights[0]).tolist() == [8, 9, 10, 11]
    assert np.allclose(made.deltas[0, 8:12], [0, 4, 0, 5 * np.log(2)])
    assert np.flatnonzero(made.weights[2]).tolist() == [4, 5, 6, 7]


def test_background_below_the_range_is_ignored():
    made = proposal_targets(BOXES, TRUTH, CLASSES, SampleRule(batch=-1, bg_low=0.1))
    assert made.labels.tolist() == [2, 0, 1, -1, 2, 1]


def test_a_short_list_is_filled_with_ignored_entries():
    """The original fills it with random proposals and calls them background, objects included."""
    made = proposal_targets(BOXES, TRUTH, CLASSES, SampleRule(batch=16, fg_fraction=0.5, bg_low=0.1),
                            np.random.default_rng(0))  # fmt: skip
    assert made.labels.tolist() == [2, 1, 2, 1, 0] + [-1] * 11
    assert made.boxes.shape == (16, 4) and not made.weights[5:].any() and not made.deltas[5:].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_objects_are_at_most_their_part_and_the_draw_is_repeatable(seed):
    random = np.random.default_rng(seed)
    boxes = np.concatenate(
        [TRUTH[[0] * 50] + random.uniform(-20, 20, (50, 4)), BOXES[[3] * 50] + random.uniform(-9, 9, (50, 4))]
    )
    made, again = (
        proposal_targets(boxes, TRUTH, CLASSES, SampleRule(batch=32), np.random.default_rng(seed)) for _ in "ab"
    )
    assert (made.labels > 0).sum() == 8 and (made.labels == 0).sum() == 24
    assert np.array_equal(made.boxes, again.boxes) and np.array_equal(made.labels, again.labels)


def test_no_object():
    none = np.zeros((0, 4))
    made = proposal_targets(BOXES, none, np.zeros(0), SampleRule(batch=-1))
    assert made.labels.tolist() == [0, 0, 0, 0] and not made.weights.any()
    made = proposal_targets(BOXES, none, np.zeros(0), SampleRule(batch=6, bg_low=0.1), np.random.default_rng(0))
    assert made.labels.tolist() == [-1] * 6


def test_smooth_l1_by_hand():
    assert smooth_l1(np.array([0, 0.5, -2])).tolist() == [0, 0.125, 1.5]
    assert np.allclose(smooth_l1(np.array([0.1, 1]), 3), [0.045, 1 - 0.5 / 9])


def test_hard_examples_by_hand():
    samples = Samples(np.zeros((4, 4)), np.array([1, 0, -1, 1]), np.zeros((4, 8)), np.zeros((4, 8)))
    samples.weights[[0, 3], 4:] = 1
    scores = np.array([[0.0, 5], [0, 0], [9, -9], [0, 5]])
    deltas = np.zeros((4, 8))
    deltas[3, 4:] = 2  # 4 * 1.5 beside a small loss of its class; deltas of class 0 do not count
    deltas[0, :4] = 100
    labels, weights = hard_examples(scores, deltas, samples, 2)
    assert labels.tolist() == [-1, 0, -1, 1]  # the ignored one stays so, whatever its loss would be
    assert np.array_equal(weights[3], samples.weights[3]) and not weights[:3].any()
    assert hard_examples(scores, deltas, samples, 9)[0].tolist() == [1, 0, -1, 1]
    assert samples.labels.tolist() == [1, 0, -1, 1]  # arguments stay as they are


def test_equal_losses_count_in_their_order_and_large_scores_do_not_overflow():
    samples = Samples(np.zeros((3, 4)), np.zeros(3, np.int64), np.zeros((3, 8)), np.zeros((3, 8)))
    labels, _ = hard_examples(np.full((3, 2), 1e4), np.zeros((3, 8)), samples, 1)
    assert labels.tolist() == [0, -1, -1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_hard_examples_are_those_of_the_largest_loss(seed, keep):
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 3, 10)
    weights = np.zeros((10, 12))
    for row, label in enumerate(labels):
        weights[row, 4 * label : 4 * label + 4] = label > 0
    samples = Samples(np.zeros((10, 4)), labels, random.normal(size=(10, 12)), weights)
    scores, deltas = random.normal(size=(10, 3)), random.normal(size=(10, 12))
    probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss = [-np.log(probability[row, label]) + (weights[row] * smooth_l1(deltas[row] - samples.deltas[row])).sum()
            if label >= 0 else -np.inf for row, label in enumerate(labels)]  # fmt: skip
    kept = hard_examples(scores, deltas, samples, keep)[0] >= 0
    expected = [row for row in np.argsort(loss)[::-1][:keep] if labels[row] >= 0]
    assert sorted(np.flatnonzero(kept)) == sorted(expected)


def test_a_sample_rule_of_128_needs_no_more_than_there_is():
    with pytest.raises(ValueError, match="boxes: expected"):
        proposal_targets(np.zeros((3, 5)), TRUTH, CLASSES, SampleRule())


@pytest.mark.parametrize("classes", [[0, 1], [-3, 1], [1.5, 1], [np.nan, 1], [1], [1, 2, 3], None])
def test_classes_that_are_none_are_refused(classes):
    with pytest.raises(ValueError, match="classes: expected 2 numbers from 1, whole ones, one per box, got"):
        proposal_targets(BOXES, TRUTH, classes, SampleRule(batch=-1))


def test_a_class_needs_deltas_and_a_draw_needs_random_numbers():
    made = proposal_targets(BOXES, TRUTH, [299, 1], SampleRule(batch=-1, classes=300))
    assert made.labels.tolist() == [299, 0, 1, 0, 299, 1] and made.weights[0, -4:].all()
    with pytest.raises(ValueError, match="classes: expected numbers below 300, as the head has deltas, got 300"):
        proposal_targets(BOXES, TRUTH, [300, 1], SampleRule(batch=-1, classes=300))
    with pytest.raises(ValueError, match="random: needed to draw 16"):
        proposal_targets(BOXES, TRUTH, CLASSES, SampleRule(batch=16))


def test_a_loss_that_is_no_number_is_the_hardest():
    """Else those of a network that diverges would be left out, and its loss would look well."""
    samples = proposal_targets(BOXES, TRUTH, [1, 1], SampleRule(batch=-1))
    scores = np.zeros((6, 2))
    scores[3] = np.nan
    assert hard_examples(scores, samples.deltas, samples, 1)[0].tolist() == [-1, -1, -1, 0, -1, -1]


@pytest.mark.parametrize(
    "scores, deltas, keep, told",
    [
        ((1, 2), (6, 8), 3, r"scores: expected \(6, C\), got \(1, 2\)"),
        ((6, 1), (6, 8), 3, "labels: expected -1 to 0, as there are scores, got 1"),
        ((6, 2), (1, 8), 3, r"deltas: expected \(6, 8\), got \(1, 8\)"),
        ((6, 2), (6, 8), -1, "keep: expected 0 or more, got -1"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(scores, deltas, keep, told):
    samples = proposal_targets(BOXES, TRUTH, [1, 1], SampleRule(batch=-1))
    with pytest.raises(ValueError, match=told):
        hard_examples(np.zeros(scores), np.zeros(deltas), samples, keep)
