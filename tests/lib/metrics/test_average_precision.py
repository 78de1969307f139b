# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.metrics.average_precision import Found, average_precision

BOX = np.array([0.0, 0, 9, 9])
FAR = BOX + 50


def ap(rows, truth, difficult=None, threshold=0.5, eleven=False):
    """rows: (picture, score, box). truth: boxes of each picture."""
    found = Found(np.array([row[0] for row in rows], int), np.array([row[1] for row in rows], float),
                  np.array([row[2] for row in rows], float).reshape(-1, 4))  # fmt: skip
    truth = [np.array(each, float).reshape(-1, 4) for each in truth]
    difficult = (
        [np.zeros(len(each), bool) for each in truth] if difficult is None else [np.array(d, bool) for d in difficult]
    )
    return average_precision(found, truth, difficult, threshold, eleven)


def test_by_hand():
    """Right, wrong, right of three objects: precisions 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3."""
    rows = [(0, 0.9, BOX), (0, 0.8, FAR), (1, 0.7, BOX)]
    truth = [[BOX], [BOX, FAR]]
    assert ap(rows, truth) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    # Recalls 0, .1, .2, .3 have precision 1; .4, .5, .6 have 2/3; the others none.
    assert ap(rows, truth, eleven=True) == pytest.approx((4 + 3 * 2 / 3) / 11)


def test_iou_must_be_above_the_threshold():
    half = [0, 0, 9, 4]  # IoU .5 with BOX
    assert ap([(0, 1, half)], [[BOX]]) == 0
    assert ap([(0, 1, half)], [[BOX]], threshold=0.4999) == 1


def test_only_the_best_of_several_finds_an_object_and_only_the_nearest_object_is_asked():
    assert ap([(0, 0.9, BOX), (0, 0.8, BOX)], [[BOX]]) == 1  # the second is wrong, but too late to matter
    assert ap([(0, 0.9, BOX), (0, 0.8, BOX), (0, 0.7, FAR)], [[BOX, FAR]]) == pytest.approx(0.5 + 0.5 * 2 / 3)
    near = BOX + [1, 0, 1, 0]  # both overlap it by more than half; its nearest is taken already
    assert ap([(0, 0.9, BOX), (0, 0.8, BOX + [0, 0, 0, 1])], [[BOX, near]]) == 0.5


def test_difficult_objects_are_neither_right_nor_wrong_nor_missed():
    rows = [(0, 0.9, FAR), (0, 0.8, FAR), (0, 0.7, BOX)]
    assert ap(rows, [[BOX, FAR]], [[False, True]]) == 1
    assert np.isnan(ap(rows, [[BOX, FAR]], [[True, True]]))


def test_nothing_found_and_no_object():
    assert ap([], [[BOX]]) == 0 and ap([], [[BOX]], eleven=True) == 0
    assert np.isnan(ap([(0, 1, BOX)], [[]]))
    assert ap([(0, 1, BOX)], [[], [BOX]]) == 0


def slow_ap(rows, truth, threshold: float, eleven: bool) -> float:
    """Another way to the same number: one threshold on the score after the other."""
    rows, taken, right = sorted(rows, key=lambda row: -row[1]), set(), []
    for picture, _, box in rows:
        best, own = -1.0, None
        for number, other in enumerate(truth[picture]):
            w, h = (min(box[k + 2], other[k + 2]) - max(box[k], other[k]) + 1 for k in (0, 1))
            common = max(w, 0) * max(h, 0)
            areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, other)]
            if common / (sum(areas) - common) > best:
                best, own = common / (sum(areas) - common), (picture, number)
        right.append(best > threshold and own not in taken)
        if right[-1]:
            taken.add(own)
    count = sum(map(len, truth))
    points = [(sum(right[:k]) / count, sum(right[:k]) / k) for k in range(1, len(right) + 1)]
    if eleven:
        return sum(max([p for r, p in points if r >= place / 10], default=0) for place in range(11)) / 11
    recalls = sorted({0.0, *(r for r, _ in points)})
    return sum((high - low) * max(p for r, p in points if r >= high) for low, high in zip(recalls, recalls[1:]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.7]), st.booleans())
def test_as_a_second_implementation(seed, threshold, eleven):
    random = np.random.default_rng(seed)

    def boxes(count):
        corner = random.integers(0, 12, (count, 2))
        return np.concatenate([corner, corner + random.integers(2, 9, (count, 2))], axis=1).astype(float)

    truth = [boxes(count) for count in (3, 0, 4)]
    rows = [(int(random.integers(3)), score, box) for score, box in zip(random.permutation(15) / 15, boxes(15))]
    assert ap(rows, truth, threshold=threshold, eleven=eleven) == pytest.approx(slow_ap(rows, truth, threshold, eleven))


def test_small_whole_numbers_and_difficult_as_numbers():
    """~1 is -2, and unsigned corners wrap around."""
    boxes = np.array([[0, 0, 180, 180], [190, 190, 255, 255]], np.uint8)
    found = Found(np.array([0, 0]), np.array([0, 2], np.uint8), boxes)
    assert average_precision(found, [boxes], [np.array([0, 1])], 0.5, False) == 1
    assert average_precision(found, [boxes], [np.array([0, 0])], 0.5, True) == pytest.approx(1)
    point = np.array([[5, 5, 4, 4]])  # no area: overlaps nothing, itself included
    assert average_precision(Found(np.array([0]), np.ones(1), point), [point], [np.zeros(1)], 0.5, False) == 0


@pytest.mark.parametrize(
    "pictures, scores, boxes, difficult, told",
    [
        ([0, 0], [1], [BOX, BOX], [0], r"scores: expected \(2,\) of 2 detections, got \(1,\)"),
        ([0], [np.nan], [BOX], [0], "scores: not finite"),
        ([0], [1], [BOX[:3]], [0], r"boxes: expected \(1, 4\) of 1 detections, got \(1, 3\)"),
        ([0], [1], [[0, 0, 9, np.inf]], [0], "boxes: not finite"),
        ([-1], [1], [BOX], [0], "pictures: expected numbers from 0 to 0"),
        ([0], [1], [BOX], [0, 0], r"difficult: expected as many as there are objects, \[1\]"),
    ],
)
def test_what_is_no_detection_is_refused(pictures, scores, boxes, difficult, told):
    with pytest.raises(ValueError, match=told):
        found = Found(np.array(pictures), np.array(scores), np.array(boxes))
        average_precision(found, [BOX[None]], [np.array(difficult)], 0.5, False)
