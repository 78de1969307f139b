# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np
import pytest

from operators.checks.tester import OperatorTester
from operators.dynamic_filter.cases import CASES, random_case
from operators.dynamic_filter.reference import dynamic_filter
from operators.for_numpy import Operator


class TestDynamicFilter(OperatorTester):
    cases = CASES
    random_case = random_case("DynamicFilter")
    boundaries = ("",)


def draw(num_filter, data, taps, samples):
    """The five inputs, for maps of the shape `data`."""
    random = np.random.default_rng(0)
    n, channels, height, width = data
    maps = (channels, num_filter * channels, num_filter * taps, taps, samples)
    return [random.standard_normal((n, count, height, width)) for count in maps]


def test_one_number_at_a_time():
    """out[v] at (y, x) by plain loops over samples, taps and channels: the sum as it is written."""
    data, U, V, P, A = draw(2, (1, 3, 5, 6), 9, 9)
    out = Operator("DynamicFilter", num_filter=2, samples=(3, 3), sample_stride=(2, 1)).forward(data, U, V, P, A)

    def at(maps, y, x):
        return maps[0, :, y, x] if 0 <= y < 5 and 0 <= x < 6 else np.zeros(maps.shape[1])

    for v, y, x in [(0, 0, 0), (1, 2, 3), (1, 4, 5)]:
        total = 0.0
        for b in range(3):
            for a in range(3):
                cy, cx = y + (b - 1) * 2, x + a - 1
                for j in range(3):
                    for i in range(3):
                        for u in range(3):
                            weight = V[0, v * 9 + j * 3 + i, y, x]
                            weight += U[0, v * 3 + u, y, x] + 1 / 3 if (j, i) == (1, 1) else 0
                            seen = at(data, cy + j - 1, cx + i - 1)[u] * at(P, cy, cx)[j * 3 + i]
                            total += A[0, b * 3 + a, y, x] * seen * weight
        np.testing.assert_allclose(out[0, v, y, x], total, rtol=1e-12)


def test_kernels_of_zeros_give_the_mean_of_the_channels():
    """As training starts: summed over the samples, or their mean; nothing without the residual."""
    data = np.random.default_rng(0).standard_normal((1, 4, 9, 9))
    zeros = [np.zeros((1, count, 9, 9)) for count in (8, 18)]
    ones = [np.ones((1, count, 9, 9)) for count in (9, 9)]

    def run(**attributes):
        return Operator("DynamicFilter", num_filter=2, samples=(3, 3), **attributes).forward(data, *zeros, *ones)

    want = sum(data[0, :, 4 + dy, 4 + dx].mean() for dy in (-3, 0, 3) for dx in (-3, 0, 3))
    np.testing.assert_allclose(run()[0, :, 4, 4], want, rtol=1e-13)
    np.testing.assert_allclose(run(fusion="mean")[0, :, 4, 4], want / 9, rtol=1e-13)
    assert (run(residual=False) == 0).all()


@pytest.mark.parametrize("samples, steps", [(1, [0]), (2, [-3, 0]), (3, [-3, 0, 3]), (5, [-6, -3, 0, 3, 6])])
def test_where_the_samples_of_a_row_look(samples, steps):
    """Sample attention picks one sample; an even number has one more before the position."""
    data = np.arange(1.0, 22).reshape(1, 1, 1, 21)
    kernels = np.zeros((1, 1, 1, 21)), np.zeros((1, 1, 1, 21))
    for number, step in enumerate(steps):
        attention = np.zeros((1, samples, 1, 21))
        attention[0, number] = 1
        operator = Operator("DynamicFilter", num_filter=1, kernel=(1, 1), samples=(1, samples))
        out = operator.forward(data, *kernels, np.ones_like(data), attention)
        assert out[0, 0, 0, 10] == data[0, 0, 0, 10 + step]


@pytest.mark.parametrize("taps, steps", [(1, [0]), (2, [0, 2]), (3, [-2, 0, 2]), (4, [-2, 0, 2, 4])])
def test_where_the_taps_of_a_row_look(taps, steps):
    data = np.arange(1.0, 14).reshape(1, 1, 1, 13)
    for number, step in enumerate(steps):
        spatial = np.zeros((1, taps, 1, 13))
        spatial[0, number] = 1
        operator = Operator(
            "DynamicFilter", num_filter=1, kernel=(1, taps), samples=(1, 1), dilate=(1, 2), residual=False
        )
        out = operator.forward(data, np.zeros_like(data), spatial, np.ones((1, taps, 1, 13)), np.ones_like(data))
        assert out[0, 0, 0, 6] == data[0, 0, 0, 6 + step]


def test_a_plain_dynamic_filter_is_a_mean_weighted_by_a_softmax():
    data, U, V, P, A = draw(1, (1, 1, 4, 5), 9, 1)
    operator = Operator("DynamicFilter", num_filter=1, samples=(1, 1), residual=False, softmax=True)
    out = operator.forward(np.ones_like(data), np.zeros_like(U), 300 * V, np.ones_like(P), np.ones_like(A))
    np.testing.assert_allclose(out[0, 0, 1:-1, 1:-1], 1, rtol=1e-12)  # all taps inside; the powers do not overflow


def test_attention_is_read_at_the_sample_or_at_the_output():
    data, P = np.ones((1, 1, 1, 7)), np.arange(7.0).reshape(1, 1, 1, 7)
    zeros, attention = np.zeros((1, 1, 1, 7)), np.zeros((1, 3, 1, 7))
    attention[0, 2] = 1  # the sample to the right
    found = {}
    for where in ("sample", "output"):
        operator = Operator(
            "DynamicFilter", num_filter=1, kernel=(1, 1), samples=(1, 3), sample_stride=(1, 2), attention_at=where
        )
        found[where] = operator.forward(data, zeros, zeros, P, attention)[0, 0, 0].tolist()
    assert found == {"sample": [2, 3, 4, 5, 6, 0, 0], "output": [0, 1, 2, 3, 4, 0, 0]}


def test_what_is_not_looked_at_does_not_count():
    """A NaN that no sample of a position reads leaves it as it was, in both directions."""
    case = {"num_filter": 2, "kernel": (1, 1), "samples": (1, 3), "sample_stride": (1, 2)}
    arrays = draw(2, (1, 9, 2, 9), 1, 3)
    operator, head = Operator("DynamicFilter", **case), np.ones((1, 2, 2, 9))
    before, grads = operator.forward(*arrays), operator.backward(head, *arrays)
    arrays[0][0, 3, 0, 4] = np.nan
    after, grads_after = operator.forward(*arrays), operator.backward(head, *arrays)
    seen = np.zeros((2, 9), bool)
    seen[0, [2, 4, 6]] = True
    assert (np.isnan(after[0]) == seen).all() and np.array_equal(after[:, :, ~seen], before[:, :, ~seen])
    assert np.array_equal(grads_after[0], grads[0])  # the data's gradient does not depend on the data
    assert (np.isnan(grads_after[4][0]).any(axis=0) == seen).all()


@pytest.mark.parametrize(
    "attributes, shapes, said",
    [
        ({"kernel": (0, 3)}, [(1, 2, 4, 4)], "'kernel' must hold integers of 1 to 1024, got (0, 3)"),
        ({"samples": (3, 2000)}, [(1, 2, 4, 4)], "'samples' must hold integers of 1 to 1024, got (3, 2000)"),
        ({"sample_stride": (0, 0)}, [(1, 2, 4, 4)], "'sample_stride' must hold integers of 1 to 1048576"),
        ({"dilate": (-1, 1)}, [(1, 2, 4, 4)], "'dilate' must hold integers"),
        ({"num_filter": 0}, [(1, 2, 4, 4)], "'num_filter' must be 1 to 2147483647, got 0"),
        ({"num_filter": 2**20}, [(1, 2**20, 1, 1)], "num_filter times the channels of data must be below 2^31"),
        ({"num_filter": 2**12, "kernel": (1024, 1024)}, [(1, 1, 1, 1)], "num_filter times the taps"),
        ({"fusion": "max"}, [(1, 2, 4, 4)], "'fusion' must be one of 'sum', 'mean', got 'max'"),
        ({"attention_at": "input"}, [(1, 2, 4, 4)], "'attention_at' must be one of 'sample', 'output'"),
        ({}, [(2, 4, 4)], "data must have 4 dimensions (N, C, H, W), got shape (2, 4, 4)"),
        ({}, [(1, 0, 4, 4)], "data must have a channel"),
        ({}, [(1, 2, 4, 4), (1, 5, 4, 4)], "channel_kernel must have shape (1, 6, 4, 4)"),
        ({}, [(1, 2, 4, 4), None, (1, 9, 4, 4)], "spatial_kernel must have shape (1, 27, 4, 4)"),
        ({}, [(1, 2, 4, 4), None, None, (1, 27, 4, 4)], "position_attention must have shape (1, 9, 4, 4)"),
        ({}, [(1, 2, 4, 4), None, None, None, (1, 9, 4, 4)], "sample_attention must have shape (1, 25, 4, 4)"),
        ({}, [(1, 2, 4, 4), None, None, None, (2, 25, 4, 4)], "got (2, 25, 4, 4)"),
    ],
)
def test_what_cannot_be_is_refused_by_name(attributes, shapes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Operator("DynamicFilter", **{"num_filter": 3, **attributes}).shapes(*shapes, *[None] * (5 - len(shapes)))


def test_far_samples_and_taps_cost_no_memory():
    """Steps of a million pixels see nothing of a small map."""
    arrays = draw(1, (1, 2, 3, 4), 9, 9)
    far = {"num_filter": 1, "sample_stride": (1 << 20, 1 << 20), "dilate": (1 << 20, 1 << 20), "samples": (3, 3)}
    operator = Operator("DynamicFilter", **far)
    near = Operator("DynamicFilter", num_filter=1, kernel=(1, 1), samples=(1, 1))
    middle = [arrays[0], arrays[1], arrays[2][:, 4:5], arrays[3][:, 4:5], arrays[4][:, 4:5]]
    np.testing.assert_allclose(operator.forward(*arrays), near.forward(*middle), rtol=1e-12)
    assert all(np.isfinite(each).all() for each in operator.backward(np.ones((1, 1, 3, 4)), *arrays))


def test_the_factored_sums_are_the_papers():
    """At the paper's sizes but for the map, in float64: the definition against the kernels."""
    arrays = draw(24, (1, 16, 5, 7), 9, 25)
    got = Operator("DynamicFilter", num_filter=24).forward(*arrays)
    want = dynamic_filter(*arrays, num_filter=24)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13 * np.abs(want).max())
