# SPDX-License-Identifier: Apache-2.0
"""Runs a Symbol in MXNet and as a SymbolNet, in float64, from the same arrays."""

from __future__ import annotations

import numpy as np
import torch

from operators.for_torch.symbol_net import SymbolNet

import mxnet as mx  # isort: skip


def draw(symbol, seed: int = 0, **shapes) -> tuple:
    """(arguments, auxiliary states), float64, for a symbol whose inputs have these shapes; variances are positive."""
    random = np.random.default_rng(seed)
    arg_shapes, _, aux_shapes = symbol.infer_shape(**shapes)
    arg = {name: random.standard_normal(shape) for name, shape in zip(symbol.list_arguments(), arg_shapes)}
    aux = {name: random.uniform(0.5, 2, shape) for name, shape in zip(symbol.list_auxiliary_states(), aux_shapes)}
    return arg, aux


def in_mxnet(symbol, arg: dict, aux: dict, training: bool = True) -> tuple:
    """(outputs, gradients by name, auxiliary states after the step, arguments after it); heads get ones."""
    arrays = {name: mx.nd.array(values, dtype="float64") for name, values in arg.items()}
    states = {name: mx.nd.array(values, dtype="float64") for name, values in aux.items()}
    grads = {name: mx.nd.zeros(values.shape, dtype="float64") for name, values in arg.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads, "write", states)
    outputs = executor.forward(is_train=training)
    if training:
        executor.backward([mx.nd.ones(each.shape, dtype=each.dtype) for each in outputs])
    found = [{name: each.asnumpy() for name, each in named.items()} for named in (grads, states, arrays)]
    return ([each.asnumpy() for each in outputs], *found)


def in_torch(symbol, arg: dict, aux: dict, training: bool = True) -> tuple:
    """As in_mxnet; every argument is a parameter, labels included."""
    net = SymbolNet(symbol.tojson(), arg, aux).train(training)
    outputs = net()
    outputs = outputs if isinstance(outputs, list) else [outputs]
    if training:
        net.backward_heads(outputs)
    grads = {name: parameter.grad.numpy() for name, parameter in net.named_parameters()} if training else {}
    return [each.detach().numpy() for each in outputs], grads, numpy(net.named_buffers()), numpy(net.named_parameters())


def numpy(named) -> dict:
    return {name: tensor.detach().numpy() for name, tensor in named}


def expect_same(symbol, arg: dict, aux: dict, tolerance: float = 1e-10, training: bool = True) -> None:
    """Outputs, gradients of all arguments, and states after one step."""
    torch.manual_seed(0)
    want, got = in_mxnet(symbol, arg, aux, training), in_torch(symbol, arg, aux, training)
    assert len(want[0]) == len(got[0])
    for i, (theirs, ours) in enumerate(zip(want[0], got[0])):
        close(ours, theirs, tolerance, f"output {i}")
    for number, what in ((1, "gradient of"), (2, "state"), (3, "argument")) if training else ():
        assert set(got[number]) == set(want[number])
        for name, ours in got[number].items():
            close(ours, want[number][name], tolerance, f"{what} {name}")


def close(ours, theirs, tolerance: float, what: str) -> None:
    assert ours.shape == theirs.shape, f"{what}: {ours.shape}, in MXNet {theirs.shape}"
    size = max(1.0, float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * size, err_msg=what)
