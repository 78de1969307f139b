# SPDX-License-Identifier: Apache-2.0
"""Stock convolutions on both sides of each operator, in every way MXNet runs a network."""

from __future__ import annotations

import numpy as np
import pytest
from neighbours import MODES, OPERATORS, count_wrong, data, inferences, network, stock_training, train


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_step_is_that_of_the_stock_network(operator, mode):
    assert count_wrong(operator, mode, steps=150) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_inference(operator, mode):
    x = data((1, 16, 8, 10))
    losses = inferences(network(operator, True, mode), x, 100, mode)
    np.testing.assert_allclose(losses, inferences(network(operator, False), x, 1, "imperative")[0], rtol=1e-4)


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
    """512 channels of 64 x 128, 5 steps: one takes 0.2 s on two cores, and 500 in all 20 pairs over half an hour."""
    assert count_wrong(operator, mode, steps=5, shape=(1, 16, 64, 128), width=512) == 0


@pytest.mark.parametrize("consumers, steps", [(1, 500), (12, 60)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_updating_steps_without_a_wait_go_as_stock_ones(operator, mode, consumers, steps):
    """The loss of every step and the last weights; the rate keeps training stable, so that roundings do not grow.

    12 consumers make the loss 144 times as steep, hence the rate; 500 steps of theirs in all modes would take minutes.
    """
    shape, rate = (1, 16, 8, 10), 1e-2 / consumers**2
    losses, weights = train(network(operator, True, mode, consumers=consumers), data(shape), steps, mode, rate)
    stock_losses, stock_weights = stock_training(operator, shape, steps, rate, consumers=consumers)
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(losses, stock_losses, rtol=1e-3)
    for ours, stock in zip(weights, stock_weights):
        np.testing.assert_allclose(ours, stock, rtol=0, atol=1e-5 * np.abs(stock).max())
