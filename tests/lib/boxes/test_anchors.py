# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.boxes import geometry
from lib.boxes.anchors import base_anchors, grid_anchors, per_anchor, scores_per_anchor
from lib.boxes.targets import AnchorRule, anchor_targets

ALL = AnchorRule(batch=0)


def targets(anchors, truth, classes=None, size=(200, 200), rule=ALL, seed=0):
    return anchor_targets(np.array(anchors), np.array(truth, float).reshape(-1, 4), classes, size, rule,
                          np.random.default_rng(seed))  # fmt: skip


def test_the_original_nine_anchors():
    """The list that stands in the comments of Faster R-CNN's generate_anchors."""
    expected = [[-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199], [-56, -56, 71, 71],
                [-120, -120, 135, 135], [-248, -248, 263, 263], [-36, -80, 51, 95], [-80, -168, 95, 183],
                [-168, -344, 183, 359]]  # fmt: skip
    assert base_anchors(16, (0.5, 1, 2), (8, 16, 32)).tolist() == expected


def test_anchors_of_a_map_run_fastest_then_x_then_y():
    base = base_anchors(16, (0.5, 1), (1,))
    grid = grid_anchors(base, 16, 2, 3)
    assert grid.shape == (12, 4)
    assert np.array_equal(grid[2 * (1 * 3 + 2) + 1], base[1] + [32, 16, 32, 16])


def test_maps_are_taken_apart_in_the_order_of_the_anchors():
    A, h, w = 3, 2, 4
    deltas = np.zeros((4 * A, h, w))
    scores = np.zeros((2 * A, h, w))
    deltas[4 * 2 + 1, 1, 3], scores[A + 2, 1, 3] = 7, 5
    row = (1 * w + 3) * A + 2
    assert per_anchor(deltas, A)[row].tolist() == [0, 7, 0, 0] and per_anchor(deltas, A).sum() == 7
    assert scores_per_anchor(scores, A)[row].tolist() == [0, 5] and scores_per_anchor(scores, A).sum() == 5


@pytest.mark.parametrize(
    "wrong",
    [
        (0, (1,), (1,)),
        (16, (), (1,)),
        (16, (1,), (-1,)),
        (1, (9,), (1,)),
        (16, (1,), (float("inf"),)),
        (16, (float("nan"),), (1,)),
    ],
)
def test_anchors_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="anchors: "):
        base_anchors(*wrong)


def test_labels_by_hand():
    truth = [[0, 0, 99, 99]]
    anchors = [[0.0, 0, 99, 69], [0, 0, 99, 68], [0, 0, 99, 29], [0, 0, 99, 28], [101, 101, 150, 150]]
    # IoU .7 and above: object; between: ignored; below .3: background; the best one is an object whatever it has.
    assert targets(anchors, truth).labels.tolist() == [1, -1, -1, 0, 0]
    assert targets(anchors[1:], truth).labels.tolist() == [1, -1, 0, 0]
    assert targets(anchors[3:], truth).labels.tolist() == [1, 0]
    assert targets(anchors[3:], truth, rule=AnchorRule(batch=0, clobber=True)).labels.tolist() == [0, 0]


def test_targets_and_classes_are_those_of_the_nearest_object():
    made = targets([[0.0, 0, 99, 99], [50, 50, 149, 149]], [[2, 2, 101, 101], [50, 50, 149, 149]], [7, 3])
    assert made.labels.tolist() == [7, 3] and made.weights.tolist() == [1, 1]
    assert np.allclose(made.deltas, [[0.02, 0.02, 0, 0], [0, 0, 0, 0]])


def test_an_anchor_that_reaches_out_of_the_picture_is_ignored():
    anchors = [[0.0, 0, 199, 199], [-1, 0, 99, 99], [0, 0, 200, 99], [0, 0, 99, 200], [0, -1, 99, 99]]
    assert targets(anchors, []).labels.tolist() == [0, -1, -1, -1, -1]


def test_an_object_that_no_anchor_touches_makes_no_anchor_an_object():
    """In the original every anchor ties its best overlap, 0, and becomes foreground."""
    made = targets([[0.0, 0, 9, 9], [20, 0, 29, 9]], [[150, 150, 160, 160]])
    assert made.labels.tolist() == [0, 0] and not made.weights.any()


def test_a_box_at_the_first_pixel_does_not_wrap_around():
    """VOC's 1-based 0 becomes -1, which is 65535 in the original's uint16."""
    made = targets([[0.0, 0, 49, 49]], [[-1, -1, 49, 49]])
    assert made.labels.tolist() == [1] and np.abs(made.deltas).max() < 0.1


def test_no_object_no_anchor_inside_and_bad_classes():
    assert targets([[0.0, 0, 9, 9]] * 3, []).labels.tolist() == [0, 0, 0]
    assert targets([[-9.0, 0, 9, 9]] * 3, [[0, 0, 9, 9]]).labels.tolist() == [-1, -1, -1]
    with pytest.raises(ValueError, match="classes: expected 1 numbers from 1"):
        targets([[0.0, 0, 9, 9]], [[0, 0, 9, 9]], [0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 64, 256]), st.sampled_from([0.25, 0.5]))
def test_as_many_count_as_the_rule_says_and_the_draw_is_repeatable(seed, batch, fraction):
    random = np.random.default_rng(seed)
    anchors = grid_anchors(base_anchors(8, (0.5, 1, 2), (1, 2, 4)), 8, 20, 25)
    corner = random.uniform(0, 100, (6, 2))
    truth = np.concatenate([corner, corner + random.uniform(8, 40, (6, 2))], axis=1)
    rule = AnchorRule(0.5, 0.3, batch=batch, fg_fraction=fraction)
    made, every = (
        targets(anchors, truth, None, (160, 200), each, seed) for each in (rule, AnchorRule(0.5, 0.3, batch=0))
    )
    objects, background = (made.labels == 1).sum(), (made.labels == 0).sum()
    assert objects == min((every.labels == 1).sum(), int(batch * fraction))
    assert background == min((every.labels == 0).sum(), batch - objects)
    assert np.array_equal(made.labels[made.labels >= 0], every.labels[made.labels >= 0])
    again = targets(anchors, truth, None, (160, 200), rule, seed)
    assert np.array_equal(made.labels, again.labels)
    assert np.array_equal(made.weights > 0, made.labels == 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_mirror_image_has_mirrored_targets(seed):
    random = np.random.default_rng(seed)
    anchors, truth = (np.sort(random.uniform(0, 99, (count, 2, 2)), axis=1).reshape(-1, 4) for count in (50, 4))
    one, other = (targets(*(change(each) for each in (anchors, truth)), None, (100, 100))
                  for change in (np.array, lambda boxes: geometry.mirror(boxes, 100)))  # fmt: skip
    assert np.array_equal(one.labels, other.labels)
    assert np.allclose(one.deltas * [-1, 1, 1, 1], other.deltas)
