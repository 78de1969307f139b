# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.boxes import definition, geometry
from lib.boxes.suppression import nms


def random_boxes(random, count: int, size: int = 100, whole: bool = True) -> np.ndarray:
    corners = random.uniform(0, size, (count, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    return np.floor(boxes) if whole else boxes


def test_both_corners_lie_inside_a_box():
    assert geometry.sizes(np.array([[0.0, 0, 15, 15], [3, 4, 3, 4]]))[0].tolist() == [16, 1]
    # 2 x 2 and 2 x 2 pixels that share one: 1 / (4 + 4 - 1)
    assert geometry.iou(np.array([[0, 0, 1, 1]]), np.array([[1, 1, 2, 2], [2, 2, 3, 3], [0, 0, 1, 1]])).tolist() == [
        [1 / 7, 0, 1]
    ]


def test_encode_and_decode_by_hand():
    box, target = np.array([[0.0, 0, 9, 19]]), np.array([[5.0, 10, 24, 29]])  # 10 x 20 at (4.5, 9.5); 20 x 20 at 14.5
    delta = geometry.encode(box, target)
    assert np.allclose(delta, [[1.0, 0.5, np.log(2), 0.0]], rtol=0, atol=1e-15)
    assert np.allclose(geometry.decode(box, delta), target, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_decode_is_the_inverse_of_encode(seed, sets):
    random = np.random.default_rng(seed)
    boxes, targets = random_boxes(random, 7, whole=False), [random_boxes(random, 7, whole=False) for _ in range(sets)]
    deltas = np.concatenate([geometry.encode(boxes, each) for each in targets], axis=1)
    # No side is more than 1000 times another one here: 100 pixels and 1.
    assert np.allclose(geometry.decode(boxes, deltas), np.concatenate(targets, axis=1), atol=1e-9)


def test_an_untrained_network_cannot_make_a_box_overflow():
    made = geometry.decode(np.array([[0.0, 0, 15, 15]]), np.array([[0.0, 0, 1e6, 800]]))
    assert np.isfinite(made).all() and np.allclose(made[0, 2] - made[0, 0] + 1, 16_000)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_compiled_overlaps_are_those_of_the_definition(seed, whole):
    random = np.random.default_rng(seed)
    boxes, others = random_boxes(random, 9, 20, whole), random_boxes(random, 6, 20, whole)
    others[0, 2:] = others[0, :2] - 2  # turned inside out: no area
    assert np.array_equal(geometry.iou(boxes, others), definition.iou(boxes, others))
    assert (geometry.iou(boxes, others)[:, 0] == 0).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.integers(1, 30))
def test_the_compiled_suppression_is_that_of_the_definition(seed, threshold, count):
    random = np.random.default_rng(seed)
    boxes = random_boxes(random, 40, 12)
    scores = np.sort(random.random(40))[::-1]
    assert np.array_equal(nms(boxes, scores, threshold, count), definition.nms(boxes, threshold, count))


def test_a_box_goes_only_above_the_threshold():
    """The original has three functions that disagree here."""
    boxes = np.array([[0.0, 0, 9, 9], [0, 0, 9, 4], [0, 0, 9, 5]])  # IoU with the first .5 and .6
    scores = np.array([0.9, 0.8, 0.7])
    assert nms(boxes, scores, 0.5).tolist() == [0, 1]
    assert nms(boxes[:2], scores[:2], np.nextafter(0.5, 0)).tolist() == [0]
    assert nms(boxes[:2], scores[:2], np.nextafter(0.5, 1)).tolist() == [0, 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_suppression_knows_no_order_and_no_direction(seed):
    random = np.random.default_rng(seed)
    boxes, scores = random_boxes(random, 30, 30), random.permutation(30).astype(float)
    kept = nms(boxes, scores, 0.3)
    order = random.permutation(30)
    assert order[nms(boxes[order], scores[order], 0.3)].tolist() == kept.tolist()
    assert nms(geometry.mirror(boxes, 40), scores, 0.3).tolist() == kept.tolist()
    overlap = definition.iou(boxes[kept], boxes[kept])
    assert (overlap[~np.eye(len(kept), dtype=bool)] <= 0.3).all()


def test_equal_scores_count_in_their_order():
    boxes = np.tile([[0.0, 0, 9, 9]], (5000, 1))
    assert nms(boxes, np.full(5000, 0.5), 0.7).tolist() == [0]
    apart = boxes + 20 * np.arange(5000)[:, None]
    assert nms(apart, np.full(5000, 0.5), 0.7).tolist() == list(range(5000))


def test_none_and_one_box():
    none = np.zeros((0, 4))
    assert nms(none, np.zeros(0), 0.5).tolist() == []
    assert geometry.iou(none, np.ones((3, 4))).shape == (0, 3)
    assert geometry.iou(np.ones((3, 4)), none).shape == (3, 0)
    assert geometry.encode(none, none).shape == (0, 4)
    assert nms(np.array([[1.0, 1, 0, 0]]), np.ones(1), 0.5).tolist() == [0]  # without area, yet the only one


def test_ten_thousand_boxes_are_soon_compared():
    random = np.random.default_rng(0)
    boxes, scores = random_boxes(random, 10_000, 1000, whole=False), random.random(10_000)
    begin = time.process_time()
    kept = nms(boxes, scores, 0.7)
    assert 300 < len(kept) < 10_000 and time.process_time() - begin < 3
    assert nms(boxes, scores, 0.7, 300).tolist() == kept[:300].tolist()


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((2, 5)), np.full((1, 4), np.nan), np.full((1, 4), np.inf)])
def test_what_are_no_boxes_is_refused(boxes):
    with pytest.raises(ValueError, match="boxes: .*"):
        geometry.iou(boxes, np.zeros((1, 4)))


def test_errors_name_the_box():
    good, flat = np.array([[0.0, 0, 1, 1]] * 2), np.array([[0.0, 0, 1, 1], [5, 5, 4, 9]])
    with pytest.raises(ValueError, match="targets: box 1 has no area"):
        geometry.encode(good, flat)
    with pytest.raises(ValueError, match="boxes: box 1 has no area"):
        geometry.encode(flat, good)
    with pytest.raises(ValueError, match=r"targets: expected \(2, 4\), got \(1, 4\)"):
        geometry.encode(good, good[:1])
    with pytest.raises(ValueError, match=r"deltas: expected \(2, 4 \* K\), got \(2, 3\)"):
        geometry.decode(good, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="number 1 is NaN"):
        nms(good, np.array([0, np.nan]), 0.5)
    with pytest.raises(ValueError, match="expected 2, one per box, got 3"):
        nms(good, np.zeros(3), 0.5)


def test_clipping_and_mirroring():
    boxes = np.array([[-5.0, -5, 200, 300, 3, 4, 5, 6]])
    assert geometry.clip(boxes, 100, 50).tolist() == [[0, 0, 49, 99, 3, 4, 5, 6]]
    assert geometry.mirror(np.array([[0.0, 1, 9, 5, 7]]), 50).tolist() == [[40, 1, 49, 5, 7]]
    assert boxes[0, 0] == -5  # the argument stays as it is


def test_one_library_serves_every_python():
    """What is built here also runs beside a GPU, under a Python that nobody can build for there."""
    from lib.boxes import core

    assert core.__file__.endswith((".abi3.so", ".pyd"))


@pytest.mark.parametrize("boxes", [np.zeros((3, 4), np.float32), np.zeros((3, 5)), np.zeros((4, 3)).T, np.zeros(4)])
def test_the_core_takes_nothing_but_rows_of_four_numbers(boxes):
    from lib.boxes import core

    with pytest.raises(ValueError, match="expected contiguous float64"):
        core.nms(boxes, 0.5, 2)


def test_small_whole_numbers_do_not_wrap_around():
    """The original keeps boxes as uint16, in which 0 - 1 is 65535."""
    boxes = np.array([[0, 0, 9, 9], [3, 3, 20, 20]], np.uint8)
    assert geometry.mirror(boxes, 600).tolist() == [[590, 0, 599, 9], [579, 3, 596, 20]]
    assert nms(boxes, np.array([0, 2], np.uint8), 0.5).tolist() == [1, 0]
    assert nms(boxes, np.array([-128, 2], np.int8), 0.5).tolist() == [1, 0]
    assert nms(boxes, np.array([False, True]), 0.5).tolist() == [1, 0]


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: geometry.clip(np.zeros(4), 5, 5), r"boxes: expected \(N, 4 \* K\), got \(4,\)"),
        (lambda: geometry.clip(np.zeros((2, 5)), 5, 5), r"boxes: expected \(N, 4 \* K\), got \(2, 5\)"),
        (lambda: geometry.clip(np.zeros((2, 4)), 0, 5), "at least one pixel, got height 0, width 5"),
        (lambda: geometry.clip(np.zeros((2, 4)), 5, np.nan), "at least one pixel, got height 5, width nan"),
        (lambda: geometry.mirror(np.zeros((2, 3)), 5), r"boxes: expected \(N, 4 or more\), got \(2, 3\)"),
        (lambda: nms(np.zeros((2, 4)), np.zeros((2, 1)), 0.5), r"scores: expected \(N,\), got \(2, 1\)"),
        (lambda: nms(np.zeros((2, 4)), np.zeros(2), np.nan), "threshold: expected 0 to 1, got nan"),
    ],
)
def test_what_does_not_fit_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()
