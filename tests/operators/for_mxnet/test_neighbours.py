# SPDX-License-Identifier: Apache-2.0
"""Stock convolutions on both sides of each operator, in every way MXNet runs a network."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES, OPERATORS, count_wrong, data, inferences, network


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


@pytest.mark.parametrize("mode", ["imperative", "hybridize", "static_shape", "bind"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_twelve_consumers_of_one_tensor_and_one_weight(operator, mode):
    assert count_wrong(operator, mode, steps=10, consumers=12) == 0


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_large_map(operator):
    assert count_wrong(operator, "hybridize", steps=3, shape=(1, 16, 64, 128), width=512) == 0


def _train(ours: bool, operator: str, mode: str, steps: int) -> tuple:
    net, x, losses = network(operator, ours, mode), data((1, 16, 8, 10)), []
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1e-2, "momentum": 0.9})
    for _ in range(steps):
        with mx.autograd.record():
            loss = net(x)
        loss.backward()
        trainer.step(1)
        losses.append(loss)
    return np.array([loss.asscalar() for loss in losses]), [p.data().asnumpy() for p in net.common()]


LONG = [("ActiveConvolution", "imperative"), ("DeformableConvolution", "hybridize"), ("Shift", "static_shape")]


@pytest.mark.parametrize("operator, mode", LONG)
def test_500_training_steps_without_a_wait_end_as_stock_does(operator, mode):
    losses, weights = _train(True, operator, mode, 500)
    stock_losses, stock_weights = _train(False, operator, mode, 500)
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(losses, stock_losses, rtol=1e-3)
    for ours, stock in zip(weights, stock_weights):
        np.testing.assert_allclose(ours, stock, rtol=0, atol=1e-3 * np.abs(stock).max())
