# SPDX-License-Identifier: Apache-2.0
"""Derivatives that do not exist are errors, in every mode and for every input: never 0, never None."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES
from samples import OPERATORS, Layer, sample

INPUTS = [(operator, name) for operator in OPERATORS for name in sample(operator).arrays]


def _prepared(operator: str, mode: str) -> tuple:
    one = sample(operator)
    layer, arrays = Layer(one), one.ndarrays()
    for array in arrays.values():
        array.attach_grad()
        array.grad[:] = 7
    if MODES[mode] is not None:
        layer.hybridize(**MODES[mode])
    return layer, arrays


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
@pytest.mark.parametrize("operator, name", INPUTS)
def test_a_second_derivative_is_an_error_and_leaves_the_gradients_alone(operator, name, mode):
    layer, arrays = _prepared(operator, mode)
    said = "_backward_slice_axis is non-differentiable|_backward_Custom is non-differentiable|does not support higher"
    with pytest.raises(mx.MXNetError, match=said), mx.autograd.record():
        out = layer(*arrays.values()).square()
        (slope,) = mx.autograd.grad(out, [arrays[name]], create_graph=True, retain_graph=True)
        slope.square().sum().backward()
    mx.nd.waitall()
    assert all((array.grad.asnumpy() == 7).all() for array in arrays.values())
    assert not mx.autograd.is_recording()


@pytest.mark.parametrize("operator, name", INPUTS)
def test_a_penalty_on_gradients_is_an_error(operator, name):
    """As it is written for other networks: loss + the squared slope of the output by the data."""
    layer, arrays = _prepared(operator, "imperative")
    with pytest.raises(mx.MXNetError, match="is non-differentiable"), mx.autograd.record():
        loss = layer(*arrays.values()).sum()
        (slope,) = mx.autograd.grad(loss, [arrays[name]], create_graph=True, retain_graph=True)
        (loss + slope.square().sum()).backward()


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_first_derivative_may_be_asked_for_in_any_way(operator):
    one = sample(operator)
    layer, arrays = _prepared(operator, "imperative")
    head = mx.nd.array(one.out_grad, dtype="float64")
    for create_graph in (False, True):
        with mx.autograd.record():
            out = layer(*arrays.values())
            slopes = mx.autograd.grad(out, list(arrays.values()), head_grads=head, create_graph=create_graph)
        for slope, gradient in zip(slopes, one.gradients().values()):
            np.testing.assert_allclose(slope.asnumpy(), gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_second_backward_needs_a_graph_that_was_kept(operator, mode):
    one = sample(operator)
    layer, arrays = _prepared(operator, mode)
    head = mx.nd.array(one.out_grad, dtype="float64")
    with mx.autograd.record():
        out = layer(*arrays.values())
    out.backward(head, retain_graph=True)
    out.backward(head)
    for name, gradient in one.gradients().items():
        np.testing.assert_allclose(arrays[name].grad.asnumpy(), gradient, rtol=1e-10, atol=1e-10)
    with pytest.raises(mx.MXNetError, match="Cannot differentiate node because it is not in a computational graph"):
        out.backward(head)


@pytest.mark.parametrize("operator", [operator for operator, name in INPUTS if name == "rois"])
def test_the_gradient_of_rois_is_0_as_stocks_is(operator):
    """Not a derivative that is missing: both define it so, and networks ask for it."""
    one, grads = sample(operator), []
    for call in (one.call, lambda *arrays: getattr(mx.nd.contrib, operator)(*arrays, **one.attributes)):
        arrays = one.ndarrays()
        arrays["rois"].attach_grad()
        with mx.autograd.record():
            out = call(*arrays.values())
        out.backward()
        grads.append(arrays["rois"].grad.asnumpy())
    assert (grads[0] == 0).all() and (grads[1] == 0).all()
