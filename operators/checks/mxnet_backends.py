# SPDX-License-Identifier: Apache-2.0
"""The ways through MXNet, with the face of backends.py: our operators as nd functions and Symbols, and stock ones."""

from __future__ import annotations

from operators.checks.case import Case
from operators.for_mxnet import nd, sym

import mxnet as mx  # isort: skip

_PLAIN = ("kernel", "num_filter", "stride", "dilate", "pad", "num_group", "no_bias")


def _array(values):
    return mx.nd.array(values, dtype=values.dtype)


def _imperative(function, inputs: dict, out_grad, attributes: dict):
    arrays = {name: _array(values) for name, values in inputs.items()}
    for array in arrays.values():
        array.attach_grad()
    with mx.autograd.record():
        out = function(**arrays, **attributes)
    out.backward(_array(out_grad))
    return out.asnumpy(), {name: array.grad.asnumpy() for name, array in arrays.items()}


def mxnet_nd(case: Case, inputs: dict, out_grad):
    return _imperative(getattr(nd, case.operator), inputs, out_grad, case.attributes)


def mxnet_sym(case: Case, inputs: dict, out_grad):
    symbol = getattr(sym, case.operator)(data=mx.sym.var("data"), name="x", **case.attributes)
    arrays = {_variable(name): _array(values) for name, values in inputs.items()}
    grads = {name: mx.nd.zeros_like(array) for name, array in arrays.items()}
    executor = symbol.bind(mx.cpu(), args=arrays, args_grad=grads)
    out = executor.forward(is_train=True)[0].asnumpy()
    executor.backward(_array(out_grad))
    return out, {name: grads[_variable(name)].asnumpy() for name in inputs}


def _variable(name: str) -> str:
    return name if name == "data" else f"x_{name}"  # MXNet's name for a variable it makes itself


def _stock_function(operator: str):
    function = getattr(mx.nd.contrib, operator)
    if not function.__module__.startswith("mxnet"):
        raise RuntimeError(f"mx.nd.contrib.{operator} is not MXNet's own: install(replace_stock=True) is in force")
    return function


def _stock_attributes(case: Case) -> dict:
    return {k: v for k, v in case.attributes.items() if k != "boundary"}


def stock_forward(case: Case, inputs: dict):
    """MXNet's operator of the same name, whatever the boundary of the case."""
    arrays = {name: _array(values) for name, values in inputs.items()}
    return _stock_function(case.operator)(**arrays, **_stock_attributes(case)).asnumpy()


def stock(case: Case, inputs: dict, out_grad):
    """The same with gradients."""
    return _imperative(_stock_function(case.operator), inputs, out_grad, _stock_attributes(case))


def plain_convolution(case: Case, inputs: dict, out_grad):
    """mx.nd.Convolution of the case's data, weight and bias; other inputs are left out."""
    inputs = {name: inputs[name] for name in ("data", "weight", "bias") if name in inputs}
    return _imperative(mx.nd.Convolution, inputs, out_grad, {k: v for k, v in case.attributes.items() if k in _PLAIN})
