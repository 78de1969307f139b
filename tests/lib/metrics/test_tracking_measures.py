# SPDX-License-Identifier: Apache-2.0
"""Measures of trackers on hand-worked sequences."""

from __future__ import annotations

import numpy as np
import pytest

from lib.metrics import success
from lib.metrics.regions import centre_errors, overlaps
from lib.metrics.supervised import (
    FAILED,
    INITIALISED,
    SKIPPED,
    TRACKED,
    Run,
    accuracy,
    expected_average_overlap,
    expected_overlaps,
    failures,
    fragments,
    valid,
)


def run(text: str, values) -> Run:
    """i: initialised, t: tracked, f: failed, s: skipped. values: of the tracked frames, in order."""
    codes = np.array([{"i": INITIALISED, "t": TRACKED, "f": FAILED, "s": SKIPPED}[each] for each in text])
    found = np.zeros(len(text))
    found[codes == TRACKED] = values
    return Run(codes, found)


def test_overlaps_of_boxes():
    truth = np.array([[0, 0, 4, 2], [0, 0, 4, 2], [0, 0, 4, 2], [np.nan] * 4], np.float64)
    found = np.array([[2, 1, 4, 2], [4, 0, 4, 2], [0, 0, 4, 2], [0, 0, 1, 1]], np.float64)
    np.testing.assert_allclose(overlaps(truth, found), [2 / 14, 0, 1, 0])
    errors = centre_errors(truth, found)
    np.testing.assert_allclose(errors[:3], [np.hypot(2, 1), 4, 0])
    assert np.isnan(errors[3])
    with pytest.raises(ValueError, match=r"regions \(N, 4 or 8\)"):
        overlaps(truth[:, :3], found)
    with pytest.raises(ValueError, match="expected 4, one per region, got 1"):
        overlaps(truth, found[:1])


def test_overlaps_of_polygons():
    diamond = [2, 0, 4, 2, 2, 4, 0, 2]  # area 8
    upright = [0, 0, 4, 0, 4, 4, 0, 4]
    cases = [(diamond, [0, 0, 4, 4], 8 / 16), (diamond, [0, 0, 2, 2], 2 / 10), (diamond, [1, 1, 2, 2], 4 / 8),
             (diamond, [5, 5, 1, 1], 0), (diamond[::-1], [0, 0, 4, 4], 0.5), (upright, [2, 2, 4, 4], 4 / 28),
             ([np.nan] * 8, [0, 0, 1, 1], 0)]  # fmt: skip
    regions, boxes, expected = (np.array(each, np.float64) for each in zip(*cases))
    np.testing.assert_allclose(overlaps(regions, boxes), expected)


def test_a_polygon_that_is_a_box_overlaps_as_the_box_does():
    random = np.random.default_rng(0)
    boxes, others = (np.concatenate([random.uniform(0, 5, (50, 2)), random.uniform(1, 5, (50, 2))], 1) for _ in "ab")
    x, y, w, h = boxes.T
    polygons = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)
    np.testing.assert_allclose(overlaps(polygons, others), overlaps(boxes, others), atol=1e-12)


def test_frames_after_an_initialisation_do_not_count():
    one = run("ittfssittt", [0.9, 0.8, 0.7, 0.5, 0.3])
    assert np.flatnonzero(valid(one, 2)).tolist() == [2, 8, 9] and failures([one]) == 1
    assert accuracy([one], 2) == pytest.approx((0.8 + 0.5 + 0.3) / 3)
    other = run("itttt", [1, 1, 1, 0.5])
    # By length, 10 and 5 frames.
    assert accuracy([one, other], 2) == pytest.approx((10 * 1.6 / 3 + 5 * 2.5 / 3) / 15)
    assert accuracy([run("ift"[:2], [])], 1) == 0
    assert len(np.flatnonzero(valid(run("i" + "t" * 20, np.ones(20))))) == 11  # burn-in of 10, the start counted


def test_fragments_are_cut_at_failures():
    one = run("ittfssittt", [0.9, 0.8, 0.7, 0.5, 0.3])
    (first, lost), (second, kept) = fragments(one)
    assert (first.tolist(), lost) == ([0, 0.9, 0.8], True) and (second.tolist(), kept) == ([0, 0.7, 0.5, 0.3], False)
    (only,) = fragments(run("itf", [0.5]))
    assert (only[0].tolist(), only[1]) == ([0, 0.5], True)
    assert len(fragments(run("itfss", [0.5]))) == 1  # no start after the failure


def test_expected_overlaps_by_hand():
    one = run("ittfssittt", [0.9, 0.8, 0.7, 0.5, 0.3])
    found = expected_overlaps([one], 5)
    # Lost fragment: .9, .85, 1.7/3, 1.7/4, 1.7/5; the other: .7, .6, .5, then it tells no more.
    np.testing.assert_allclose(found, [0, 0.8, 0.725, (1.7 / 3 + 0.5) / 2, 1.7 / 4, 1.7 / 5])
    assert expected_average_overlap([one], 2, 4) == pytest.approx((0.725 + (1.7 / 3 + 0.5) / 2 + 0.425) / 3)
    assert len(expected_overlaps([one])) == 4
    whole = run("itt", [0.5, 0.7])
    np.testing.assert_allclose(expected_overlaps([whole]), [0, 0.5, 0.6])
    with pytest.raises(ValueError, match="no fragment is as long as 4; the longest that tells is 2"):
        expected_average_overlap([whole], 1, 4)
    with pytest.raises(ValueError, match="expected 1 <= low <= high, got 3 to 2"):
        expected_average_overlap([whole], 3, 2)


def test_a_run_begins_with_an_initialisation():
    with pytest.raises(ValueError, match="the first of which is an initialisation"):
        Run(np.array([TRACKED]), np.zeros(1))


def test_success_and_precision():
    values = np.array([1.0, 0.5, 0.52, 0.0])
    curve = success.success_curve(values)
    assert curve[0] == 0.75 and curve[10] == 0.5 and curve[9] == 0.75 and curve[20] == 0
    assert success.area_under(values) == pytest.approx((0.75 * 10 + 0.5 + 0.25 * 9) / 21)
    errors = np.array([0, 20, 20.5, np.nan])
    assert success.precision(errors) == 0.5 and success.precision_curve(errors)[50] == 0.75
    assert success.precision_curve(errors)[0] == 0.25
    with pytest.raises(ValueError, match="at least one frame"):
        success.area_under(np.array([]))
