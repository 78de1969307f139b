# SPDX-License-Identifier: Apache-2.0
"""grad_req null, write, add and mixtures of them, through Symbol.bind, Symbol.simple_bind and Gluon."""

from __future__ import annotations

import itertools

import mxnet as mx
import numpy as np
import pytest
from neighbours import MODES
from samples import OPERATORS, convolution, sample

from operators.for_mxnet import gluon

PASSES = 2
START = 10.0  # what the gradient arrays hold at first


def _mixtures(names: list) -> list:
    """Every input gets every req once."""
    reqs = ("null", "write", "add")
    return [{name: reqs[(i + turn) % 3] for i, name in enumerate(names)} for turn in range(3)]


def _expected(gradient, req: str):
    if req == "null":
        return np.full_like(gradient, START)
    return gradient if req == "write" else START + PASSES * gradient


def _check(one, reqs: dict, grads: dict):
    for name, gradient in one.gradients().items():
        np.testing.assert_allclose(
            grads[name].asnumpy(), _expected(gradient, reqs[name]), rtol=1e-10, atol=1e-10, err_msg=f"{name} of {reqs}"
        )


@pytest.mark.parametrize("operator", OPERATORS)
def test_bind(operator):
    one = sample(operator)
    names = list(one.arrays)
    uniform = [dict.fromkeys(names, req) for req in ("null", "write", "add")]
    for reqs in uniform + _mixtures(names):
        grads = {name: mx.nd.full(array.shape, START, dtype="float64") for name, array in one.arrays.items()}
        executor = one.symbol().bind(mx.cpu(), one.ndarrays(), args_grad=grads, grad_req=reqs)
        for _ in range(PASSES):
            executor.forward(is_train=True)
            executor.backward(mx.nd.array(one.out_grad, dtype="float64"))
        _check(one, reqs, grads)


@pytest.mark.parametrize("operator", OPERATORS)
def test_only_some_inputs_have_gradient_arrays(operator):
    one = sample(operator)
    for name in one.arrays:
        grads = {name: mx.nd.zeros(one.arrays[name].shape, dtype="float64")}
        executor = one.symbol().bind(mx.cpu(), one.ndarrays(), args_grad=grads)
        executor.forward(is_train=True)
        executor.backward(mx.nd.array(one.out_grad, dtype="float64"))
        np.testing.assert_allclose(grads[name].asnumpy(), one.gradients()[name], rtol=1e-10, atol=1e-10)


def test_simple_bind_with_a_list_of_reqs():
    one = convolution("DeformableConvolution")
    reqs = ["null", "write", "add", "write", "add"][: len(one.arrays)]
    executor = one.symbol().simple_bind(
        mx.cpu(),
        grad_req=reqs,
        type_dict=dict.fromkeys(one.arrays, "float64"),
        data=one.arrays["data"].shape,
    )
    executor.copy_params_from(one.ndarrays())
    for _ in range(PASSES):
        executor.forward(is_train=True)
        executor.backward(mx.nd.array(one.out_grad, dtype="float64"))
    gradients = one.gradients()
    for (name, gradient), req in zip(gradients.items(), reqs):
        if req == "null":
            assert executor.grad_dict[name] is None
        else:
            expected = gradient * (PASSES if req == "add" else 1)
            np.testing.assert_allclose(executor.grad_dict[name].asnumpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("operator", OPERATORS)
def test_imperative(operator):
    one = sample(operator)
    for reqs in _mixtures(list(one.arrays)):
        arrays = one.ndarrays()
        grads = {name: mx.nd.full(array.shape, START, dtype="float64") for name, array in one.arrays.items()}
        mx.autograd.mark_variables(list(arrays.values()), list(grads.values()), list(reqs.values()))
        for _ in range(PASSES):
            with mx.autograd.record():
                result = one.call(*arrays.values())
            result.backward(mx.nd.array(one.out_grad, dtype="float64"))
        _check(one, reqs, grads)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "bind"])
@pytest.mark.parametrize("req, offset_req", itertools.permutations(("null", "write", "add"), 2))
def test_gluon(mode, req, offset_req):
    one = convolution("ActiveConvolution", num_deformable_group=1, num_group=1, num_offset_group=3)
    a = one.attributes
    net = gluon.ActiveConvolution(
        a["num_filter"], a["kernel"], a["stride"], a["pad"], a["dilate"], in_channels=4, num_offset_group=3
    )
    net.initialize()
    net.cast("float64")
    parameters = {"weight": net.weight, "bias": net.bias, "offset": net.offset}
    reqs = {"weight": req, "bias": req, "offset": offset_req}
    for name, parameter in parameters.items():
        parameter.set_data(mx.nd.array(one.arrays[name], dtype="float64"))
        parameter.grad_req = reqs[name]
        if reqs[name] != "null":
            parameter.grad()[:] = START
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    x = mx.nd.array(one.arrays["data"], dtype="float64")
    for _ in range(PASSES):
        with mx.autograd.record():
            result = net(x)
        result.backward(mx.nd.array(one.out_grad, dtype="float64"))
    expected = one.gradients()
    for name, parameter in parameters.items():
        if reqs[name] != "null":
            grad = parameter.grad().asnumpy()
            np.testing.assert_allclose(grad, _expected(expected[name], reqs[name]), rtol=1e-10, atol=1e-10)
