# SPDX-License-Identifier: Apache-2.0
"""Gradients that are never zeroed, on numbers that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lib.run.carry import Carried, Carry


def test_a_plain_gradient_becomes_the_sum_of_all_so_far():
    carried = Carried({"a": Carry()}, 1)
    assert carried.names == ("a",) and carried.state() == {}
    used = [carried.gradient("a", 0, np.array([[g, -2 * g]])).tolist() for g in (1.0, 10.0, 100.0)]
    assert used == [[[1, -2]], [[11, -22]], [[111, -222]]]
    assert carried.state()["a"].tolist() == [[[111, -222]]]


def test_a_normalised_gradient_starts_from_the_last_normalised_one_rate_and_all():
    """Rate 5: (3, 4) has length 5 and stays; (3, 4) + (2, 8) = (5, 12), of length 13; then (25/13, 60/13) + (-25/13, 0)
    points along y."""
    carried = Carried({"a": Carry(normalize=True, rate=5.0)}, 1)
    for gradient, expected in (((3, 4), (3, 4)), ((2, 8), (25 / 13, 60 / 13)), ((-25 / 13, 0), (0, 5))):
        used = carried.gradient("a", 0, np.array([gradient, (0, 0)], np.float64))
        np.testing.assert_allclose(used, [expected, (0, 0)], rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(carried.state()["a"], [[(0, 5), (0, 0)]], atol=1e-15)


@pytest.mark.parametrize("shape", [(1, 2, 3, 3, 2), (36,)])
def test_pairs_are_normalised_one_by_one_in_both_forms_of_an_offset(shape):
    gradient = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    used = Carry(normalize=True, rate=0.05)(gradient, np.zeros(shape, np.float32))
    assert used.shape == shape and used.dtype == np.float32
    np.testing.assert_allclose(np.hypot(*used.reshape(-1, 2).T), 0.05, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(*used.reshape(-1, 2).T), np.arctan2(*gradient.reshape(-1, 2).T), rtol=1e-5)


def test_devices_carry_their_own_and_give_copies():
    carried = Carried({"a": Carry(), "b": Carry()}, 2)
    for device, g in ((0, 1.0), (1, 10.0), (0, 2.0), (1, 20.0)):
        used = carried.gradient("a", device, np.array([g]))
    assert used.tolist() == [30] and carried.state()["a"].tolist() == [[3], [30]]
    used[:] = 0
    carried.state()["a"][:] = 0
    assert carried.state()["a"].tolist() == [[3], [30]]


def test_what_is_loaded_goes_on_and_replaces_what_was_there():
    first, second = Carried({"a": Carry()}, 2), Carried({"a": Carry()}, 2)
    first.gradient("a", 1, np.array([4.0]))
    second.gradient("a", 0, np.array([7.0]))
    second.load({**first.state(), "of no rule here": np.ones((2, 1))})
    assert second.gradient("a", 0, np.array([1.0])) == 1 and second.gradient("a", 1, np.array([1.0])) == 5
    assert second.state().keys() == {"a"}
    with pytest.raises(ValueError, match="a: gradients carried by 3 devices, there are 2 here"):
        second.load({"a": np.zeros((3, 1))})
