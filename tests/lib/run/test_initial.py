# SPDX-License-Identifier: Apache-2.0
"""Initial values: the spread that is stated, and nothing but seed and name decides."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from lib.run.initial import initial_value


def test_bilinear_is_mxnets():
    for size in (3, 4, 16, 32, 64):
        theirs = mx.nd.zeros((2, 1, size, size))
        mx.init.Bilinear()._init_weight("w", theirs)
        ours = initial_value("bilinear", "upsampling_weight", theirs.shape, 0)
        np.testing.assert_allclose(ours, theirs.asnumpy(), atol=1e-7)
    # Original: f = 16, c = 0.96875; first tap (1 - c)^2.
    assert initial_value("bilinear", "u", (19, 1, 32, 32), 0)[3, 0, 0, 0] == np.float32(0.03125**2)


def test_random_values_have_the_stated_spread_and_depend_on_seed_and_name():
    weight = initial_value("msra", "res4a_branch2b_weight", (256, 64, 3, 3), 0)
    assert weight.dtype == np.float32
    assert weight.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02)
    assert abs(weight.mean()) < 1e-3
    assert initial_value("normal", "fc6_weight", (300, 200, 1, 1), 0).std() == pytest.approx(0.01, rel=0.02)
    np.testing.assert_array_equal(weight, initial_value("msra", "res4a_branch2b_weight", weight.shape, 0))
    assert not np.array_equal(weight, initial_value("msra", "res4a_branch2b_weight", weight.shape, 1))
    assert not np.array_equal(weight, initial_value("msra", "res4b_branch2b_weight", weight.shape, 0))
    with pytest.raises(ValueError, match="parameter 'w': unknown initial value 'glorot'; known: bilinear, half, msra"):
        initial_value("glorot", "w", (1,), 0)


def test_zeros_and_ones():
    for kind, value in (("zeros", 0), ("ones", 1), ("half", 0.5)):
        made = initial_value(kind, "a", (2, 3), 0)
        assert made.dtype == np.float32 and made.shape == (2, 3) and (made == value).all()


def test_uniform_values_fill_their_bounds():
    shape = (128, 64, 3, 3)
    for kind, bound in (("xavier", np.sqrt(2 * 6 / (9 * (128 + 64)))), ("uniform", np.sqrt(1 / (64 * 9)))):
        made = initial_value(kind, "w", shape, 0)
        assert 0.999 * bound < np.abs(made).max() <= bound * (1 + 1e-6)
        assert made.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)


def test_msra_of_a_leaky_relu_is_smaller_by_its_slope():
    plain, leaky = (initial_value(kind, "conv1_weight", (8, 6, 7, 7), 3) for kind in ("msra", "msra(0.5)"))
    np.testing.assert_allclose(leaky, plain / np.sqrt(1.25), rtol=1e-6)
    np.testing.assert_array_equal(initial_value("msra(0)", "conv1_weight", (8, 6, 7, 7), 3), plain)
