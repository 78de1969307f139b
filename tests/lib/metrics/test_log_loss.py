# SPDX-License-Identifier: Apache-2.0
"""The loss that a training tells, over the devices of an update and the updates of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from lib.metrics.log_loss import log_loss
from lib.run.metrics import Sums, as_line


def test_loss_is_the_mean_over_counted_pixels_of_the_epoch():
    random = np.random.default_rng(0)
    sums, total, pixels = Sums(), 0.0, 0
    assert sums.means() == {}
    for _ in range(3):
        scores = np.exp(random.normal(size=(2, 5, 4, 3)))
        probability = (scores / scores.sum(1, keepdims=True)).astype(np.float32)
        label = random.integers(0, 6, size=(2, 4, 3)).astype(np.float32)
        label[label == 5] = 255
        own = np.ones(label.shape, np.float32)
        for n, y, x in zip(*np.nonzero(label < 255)):
            own[n, y, x] = probability[n, int(label[n, y, x]), y, x]
        chosen = own[label < 255]
        batch = -np.log(np.float64(chosen) + 1e-14).sum()
        halves = [log_loss(own[i : i + 1], label[i : i + 1], 255) for i in (0, 1)]  # as from two devices
        (value,) = sums.add({"loss": tuple(map(sum, zip(*halves)))}).values()
        assert value == pytest.approx(batch / len(chosen), rel=1e-6)
        total, pixels = total + batch, pixels + len(chosen)
    assert sums.means()["loss"] == pytest.approx(total / pixels, rel=1e-6)


def test_means_are_unknown_before_the_first_count_and_the_first_one_is_the_loss():
    sums = Sums()
    assert sums.add({"FCNLogLoss": (0.0, 0), "accuracy": (3.0, 4)}) == {"FCNLogLoss": 0.0, "accuracy": 0.75}
    assert np.isnan(sums.means()["FCNLogLoss"])
    assert list(sums.line()) == ["loss", "accuracy"] and sums.line()["accuracy"] == 0.75


def test_the_loss_may_be_the_sum_of_several_measures():
    sums = Sums(("first", "second"))
    line = as_line(sums.add({"accuracy": (3.0, 4), "first": (1.0, 2), "second": (9.0, 3)}), ("first", "second"))
    assert line == {"loss": 3.5, "accuracy": 0.75, "first": 0.5, "second": 3.0}
    sums.add({"accuracy": (0.0, 4), "first": (3.0, 2), "second": (0.0, 3)})
    assert sums.line() == {"loss": 2.5, "accuracy": 0.375, "first": 1.0, "second": 1.5}


def test_loss_shows_nan_but_not_in_pixels_that_do_not_count():
    probability = np.array([[[0.5, np.nan]]], np.float32)
    value, count = log_loss(probability, np.array([[[0, 255]]]), 255)
    assert count == 1 and value == pytest.approx(np.log(2))
    assert np.isnan(log_loss(probability, np.array([[[0, 1]]]), 255)[0])
    assert log_loss(probability, np.array([[[255, 255]]]), 255) == (0, 0)


def test_a_probability_of_zero_is_a_large_loss_and_no_infinite_one():
    value, _ = log_loss(np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1)), 255)
    assert value == pytest.approx(-np.log(1e-14), rel=1e-6)
