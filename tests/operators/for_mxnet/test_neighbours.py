# SPDX-License-Identifier: Apache-2.0
"""Stock convolutions on both sides of each operator, in every way MXNet runs a network."""

from __future__ import annotations

import numpy as np
import pytest
from neighbours import LARGE, MODES, count_wrong, data, expected_step, expected_training, inferences, network, train
from samples import OPERATORS


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_step_is_that_made_piece_by_piece(operator, mode):
    assert count_wrong(operator, mode, steps=150) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_inference(operator, mode):
    losses = inferences(network(operator, mode), data(operator), 100, mode)
    np.testing.assert_allclose(losses, expected_step(operator)[0].item(), rtol=1e-4)


def test_the_engine_that_runs_everything_at_once(run_program):
    done = run_program("neighbours.py", "DeformableConvolution", "hybridize", 50, MXNET_ENGINE_TYPE="NaiveEngine")
    assert done.stdout.split() == ["0"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_twelve_consumers_of_one_tensor_and_one_weight(operator, mode):
    assert count_wrong(operator, mode, steps=30, consumers=12) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_large_map(operator, mode):
    assert count_wrong(operator, mode, steps=5, size=LARGE) == 0


@pytest.mark.parametrize("consumers", [1, 12])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_updating_steps_without_a_wait_go_as_those_made_piece_by_piece(operator, mode, consumers):
    """The loss of every step and the last weights; the rate keeps training stable, so that roundings do not grow.

    12 consumers make the loss 144 times as steep, hence the rate. Most steps are where MXNet looks ahead the furthest;
    more would take minutes, and without the guard about half of the imperative steps go wrong.
    The loss of a dynamic filter, the square of a product of its inputs, begins a thousand times as large as others'.
    """
    steps = 60 if consumers > 1 else 120 if mode == "imperative" else 60
    rate = (3e-4 if operator == "DynamicFilter" else 3e-2) / consumers**2
    losses, weights = train(network(operator, mode, consumers=consumers), data(operator), steps, mode, rate)
    expected_losses, expected_weights = expected_training(operator, steps, rate, consumers=consumers)
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-3)
    for ours, expected in zip(weights, expected_weights):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
