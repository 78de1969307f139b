# SPDX-License-Identifier: Apache-2.0
"""The tracker and its tests, with networks that were thought out."""

from __future__ import annotations

import numpy as np
import pytest
from tracker_configs import config

from lib.boxes import geometry
from lib.boxes.template import from_corner, tracker_anchors, tracker_base
from lib.data.sequences import Sequence
from lib.metrics.supervised import FAILED, INITIALISED, SKIPPED, TRACKED
from tracking.evaluation import measured
from tracking.protocol import one_pass, supervised
from tracking.tracker import Found, Rule, Tracker, size_penalty, window

RULE = Rule(template=64, search=128, small_search=128, penalty=0.05, window=0.0, rate=1.0, min_side=2)
ANCHORS = tracker_anchors(tracker_base(32, (0.5, 1, 2)), (31.5, 31.5), 8, (9, 9))


class Says:
    """A network that answers with one box in the crop, and keeps what it was shown."""

    def __init__(self, box, score=1.0):
        self._box, self._score, self.seen = from_corner(np.array(box)), score, []

    def remember(self, template):
        self.seen.append(template)

    def find(self, search):
        self.seen.append(search)
        overlap = geometry.iou(ANCHORS, self._box[None])[:, 0]
        deltas = np.zeros((len(ANCHORS), 4))
        best = overlap.argmax()
        deltas[best] = geometry.encode(ANCHORS[best : best + 1], self._box[None])
        scores = np.zeros(len(ANCHORS))
        scores[best] = self._score
        return ANCHORS, scores, deltas


def test_a_box_in_the_crop_becomes_one_in_the_frame():
    # The target is 16 x 16, so the search of 128 pixels shows 64 of the frame: half as large.
    net = Says([48 + 8, 48 - 4, 32, 32])
    tracker = Tracker(net, RULE)
    image = np.zeros((100, 120, 3), np.uint8)
    tracker.start(image, [50, 40, 16, 16])
    found = tracker.step(image)
    np.testing.assert_allclose(found.box, [54, 38, 16, 16])
    assert found.score == 1 and [each.shape for each in net.seen] == [(64, 64, 3), (128, 128, 3)]


def test_sides_follow_slowly_and_the_middle_at_once():
    net = Says([32, 48, 64, 32], score=0.8)
    rule = Rule(template=64, search=128, small_search=128, penalty=0, window=0, rate=0.25, min_side=2)
    tracker = Tracker(net, rule)
    image = np.zeros((100, 120, 3), np.uint8)
    tracker.start(image, [50, 40, 16, 16])
    x, y, width, height = tracker.step(image).box
    assert (width, height) == pytest.approx((16 * 0.8 + 32 * 0.2, 16))
    assert (x + (width - 1) / 2, y + (height - 1) / 2) == pytest.approx((57.5, 47.5))


def test_a_box_stays_in_the_frame():
    tracker = Tracker(Says([120, 120, 8, 8]), Rule(template=64, search=128, rate=1, window=0, min_side=10))
    image = np.zeros((60, 60, 3), np.uint8)
    tracker.start(image, [40, 40, 16, 16])
    x, y, width, height = tracker.step(image).box
    assert (width, height) == (10, 10) and x + 4.5 == 59 and y + 4.5 == 59


def test_small_targets_are_searched_in_a_larger_picture():
    net = Says([0, 0, 8, 8])
    tracker = Tracker(net, Rule(template=64, search=128, small_search=144, small_share=0.1))
    image = np.zeros((60, 60, 3), np.uint8)
    tracker.start(image, [20, 20, 10, 10])
    with pytest.raises(FloatingPointError):
        net.find = lambda search: (ANCHORS, net.seen.append(search) or np.full(len(ANCHORS), np.nan), ANCHORS)
        tracker.step(image)
    assert net.seen[-1].shape == (144, 144, 3)
    for wrong in ([1, 2, 0, 4], [1, 2, 3], [1, np.nan, 2, 2]):
        with pytest.raises(ValueError, match="box: expected x, y, width and height of an area"):
            tracker.start(image, wrong)


def test_penalties_by_hand():
    last = np.array([10.0, 10.0])
    found = size_penalty(np.array([[10.0, 10.0], [20, 20], [5, 5], [20, 5]]), last, 0.1)
    whole = np.sqrt((20 + 12.5) * (5 + 12.5)) / 20
    np.testing.assert_allclose(found, [1, np.exp(-0.1), np.exp(-0.1), np.exp(-0.1 * (4 * whole - 1))])


def test_the_window_prefers_the_middle():
    found = window(27, 3).reshape(3, 3, 3)
    assert (found[1, 1] == 1).all() and found.sum() == 3
    with pytest.raises(ValueError, match="expected 3 anchors in every cell of a square map, got 26"):
        window(26, 3)


class Drifts:
    """A tracker whose box moves by a number of pixels a frame, whatever is shown."""

    def __init__(self, step):
        self._step = step

    def start(self, image, box):
        self.box = np.array(box, float)

    def step(self, image):
        self.box = self.box + [self._step, 0, 0, 0]
        return Found(self.box, 1.0)


class Still(Sequence):
    def image(self, number):
        return np.zeros((4, 4, 3), np.uint8)


def film(frames):
    return Still("still", ("",) * frames, np.tile([0.0, 0, 10, 10], (frames, 1)))


def test_a_lost_target_is_shown_again_five_frames_later():
    run, boxes = supervised(Drifts(4), film(12))
    expected = [INITIALISED, TRACKED, TRACKED, FAILED, *[SKIPPED] * 4, INITIALISED, TRACKED, TRACKED, FAILED]
    assert run.codes.tolist() == expected
    np.testing.assert_allclose(run.overlaps[1:3], [60 / 140, 20 / 180])
    assert np.isnan(boxes[4:8]).all() and boxes[11, 0] == 12


def test_one_pass_is_not_helped():
    boxes = one_pass(Drifts(4), film(4))
    assert boxes[:, 0].tolist() == [0, 4, 8, 12]


def test_a_long_sequence_counts_as_much_as_a_short_one():
    """As in the benchmark's own code: the mean over sequences of the shares of their frames."""
    short, long = Still("short", ("",) * 2, np.tile([0.0, 0, 10, 10], (2, 1))), film(8)
    found = {"short": short.boxes, "still": np.vstack([long.boxes[:2], long.boxes[2:] + [50, 0, 0, 0]])}
    runs = {each.name: supervised(Drifts(0), each)[0] for each in (short, long)}
    numbers = measured(config("quick_tracker"), [short, long], found, runs)
    assert numbers["AUC"] == pytest.approx((20 / 21 + 0.25 * 20 / 21) / 2)
    assert numbers["precision"] == pytest.approx((1 + 0.25) / 2)
