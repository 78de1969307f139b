# SPDX-License-Identifier: Apache-2.0
"""One tensor in several places: its gradient is the sum over all of them.

MXNet's own deformable convolution and its other extension interface lose summands here: with grad_req='add', and where
8 or more operators read one tensor in a bound or static graph.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES
from samples import OPERATORS, Layer, convolution, sample


def _bound_gradients(symbol, arrays: dict, out_grad, req="write", passes=1) -> dict:
    grads = {name: mx.nd.zeros(array.shape, dtype="float64") for name, array in arrays.items()}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=grads, grad_req=req)
    for _ in range(passes):
        executor.forward(is_train=True)
        executor.backward(mx.nd.array(out_grad, dtype="float64"))
    return {name: grad.asnumpy() for name, grad in grads.items()}


def _check(given: dict, expected: dict):
    for name, gradient in expected.items():
        np.testing.assert_allclose(given[name], gradient, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("consumers", [1, 7, 8, 9, 12])
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_input_shared_by_many_operators(operator, consumers, req):
    one = sample(operator)
    variables = [mx.sym.var(name) for name in one.arrays]
    total = one.call(*variables)
    for _ in range(consumers - 1):
        total = total + one.call(*variables)
    passes = 2 if req == "add" else 1
    given = _bound_gradients(total, one.ndarrays(), one.out_grad, req, passes)
    _check(given, {name: passes * consumers * grad for name, grad in one.gradients().items()})


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_twelve_operators_in_gluon(operator, mode):
    one = sample(operator)
    net, arrays = Layer(one, 12), one.ndarrays()
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    for array in arrays.values():
        array.attach_grad("add")
    for _ in range(2):
        with mx.autograd.record():
            result = net(*arrays.values())
        result.backward(mx.nd.array(one.out_grad, dtype="float64"))
    _check(
        {name: array.grad.asnumpy() for name, array in arrays.items()},
        {name: 24 * grad for name, grad in one.gradients().items()},
    )


def test_one_array_as_data_and_as_offset():
    one = convolution("DeformableConvolution", (2, 8, 5, 6), kernel=(2, 2), stride=(1, 1), dilate=(2, 2), pad=(1, 1),
                      num_deformable_group=1)  # fmt: skip
    assert one.arrays["offset"].shape == one.arrays["data"].shape
    both, weight, bias = mx.sym.var("both"), mx.sym.var("weight"), mx.sym.var("bias")
    arrays = {"both": one.arrays["data"], "weight": one.arrays["weight"], "bias": one.arrays["bias"]}
    nds = {name: mx.nd.array(array, dtype="float64") for name, array in arrays.items()}
    given = _bound_gradients(one.call(both, both, weight, bias), nds, one.out_grad)
    expected = one.gradients(offset=one.arrays["data"])
    expected["both"] = expected.pop("data") + expected.pop("offset")
    _check(given, expected)


def test_one_weight_in_two_operators_with_different_data():
    one = convolution("ActiveConvolution")
    offset, weight, bias = mx.sym.var("offset"), mx.sym.var("weight"), mx.sym.var("bias")
    total = one.call(mx.sym.var("data"), offset, weight, bias) + one.call(mx.sym.var("other"), offset, weight, bias)
    other = np.flip(one.arrays["data"], 3).copy()
    given = _bound_gradients(total, {**one.ndarrays(), "other": mx.nd.array(other, dtype="float64")}, one.out_grad)
    first, second = one.gradients(), one.gradients(data=other)
    expected = {name: first[name] + second[name] for name in ("offset", "weight", "bias")}
    _check(given, {**expected, "data": first["data"], "other": second["data"]})


def test_our_operator_and_a_stock_convolution_read_the_same_data_and_weight():
    one = convolution("DeformableConvolution")
    plain = {name: value for name, value in one.attributes.items() if name != "num_deformable_group"}
    names = ("data", "weight", "bias")
    variables = {name: mx.sym.var(name) for name in one.arrays}
    stock = mx.sym.Convolution(*(variables[name] for name in names), **plain)
    total = one.call(*variables.values()) + stock
    given = _bound_gradients(total, one.ndarrays(), one.out_grad)
    ours, at_zero = one.gradients(), one.gradients(offset=np.zeros_like(one.arrays["offset"]))
    _check(given, {"offset": ours["offset"], **{name: ours[name] + at_zero[name] for name in names}})
