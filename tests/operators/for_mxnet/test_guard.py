# SPDX-License-Identifier: Apache-2.0
"""What the oneDNN guard must do, and what happens without it."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from samples import convolution

from operators.for_mxnet import nd
from operators.for_mxnet.guard import guarded_array, guarded_data_symbol, guarded_parameter_symbol

PROGRAM = "neighbours.py"


@pytest.mark.parametrize("mode", ["imperative", "static_alloc"])
def test_with_the_guard_no_step_goes_wrong(run_program, mode):
    assert run_program(PROGRAM, "ActiveConvolution", mode, 300).stdout.split() == ["0"]


@pytest.mark.parametrize("mode", ["imperative", "static_alloc"])
def test_without_the_guard_steps_go_wrong(run_program, mode):
    """The control: it tells whether the test above can see anything on this machine."""
    unguarded = run_program(PROGRAM, "ActiveConvolution", mode, 300, "unguarded", check=False)
    if unguarded.returncode < 0:
        return  # it reads freed memory, so it may also crash
    assert unguarded.returncode == 0, unguarded.stderr
    if int(unguarded.stdout) == 0:
        pytest.skip(
            "all 300 steps came out right without the guard: oneDNN used no blocked layout on this machine, "
            "or freed memory was not reused in time; so the guarded test proves nothing about the guard here"
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("guarded", [guarded_data_symbol, guarded_parameter_symbol, guarded_array])
@pytest.mark.parametrize("req", ["write", "add"])
def test_every_value_and_every_gradient_passes(guarded, req, dtype):
    values = np.array([np.nan, np.inf, -np.inf, 1e30, -1e-40, -0.0, 1], dtype)
    x, grad = mx.nd.array(values, dtype=dtype), mx.nd.ones(7, dtype=dtype)
    head = mx.nd.arange(1, 8, dtype=dtype)
    if guarded is guarded_array:
        mx.autograd.mark_variables([x], [grad], grad_reqs=req)
        with mx.autograd.record():
            y = guarded(x)
        y.backward(head)
    else:
        bound = guarded(mx.sym.var("x"), "x_guard", {}).bind(mx.cpu(), {"x": x}, {"x": grad}, grad_req=req)
        (y,) = bound.forward(is_train=True)
        bound.backward(head)
    assert y.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(y.asnumpy(), values)
    np.testing.assert_array_equal(grad.asnumpy(), np.arange(1, 8) + (req == "add"))


def test_shapes_and_dtypes_of_parameters_are_inferred_through_it_in_both_directions():
    guarded = guarded_parameter_symbol(mx.sym.var("x"), "x_guard", {})
    both = guarded + mx.sym.var("y")
    assert both.infer_shape(x=(2, 3))[1] == both.infer_shape(y=(2, 3))[1] == [(2, 3)]
    assert both.infer_shape(y=(2, 3))[0] == [(2, 3), (2, 3)]
    assert both.infer_type(y="float64")[0] == [np.float64] * 2


@pytest.mark.parametrize("guarded", [guarded_data_symbol, guarded_parameter_symbol])
def test_it_survives_saving(guarded):
    values = mx.nd.array([np.nan, np.inf, -np.inf, 2])
    loaded = mx.sym.load_json(guarded(mx.sym.var("x"), "x_guard", {}).tojson())
    (result,) = loaded.bind(mx.cpu(), {"x": values}).forward()
    np.testing.assert_array_equal(result.asnumpy(), values.asnumpy())


def test_weights_that_a_stock_convolution_keeps_in_its_own_layout():
    """In inference a stock convolution reorders its weight in place; ours may share it."""
    weight, offset = mx.nd.random.normal(shape=(64, 64, 3, 3)), mx.nd.zeros((1, 1, 3, 3, 2))
    x = mx.nd.random.normal(shape=(1, 64, 8, 10))
    sizes = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 64, "no_bias": True}
    pairs = [
        (mx.nd.Convolution(x, weight, **sizes), nd.ActiveConvolution(x, offset, weight, **sizes)) for _ in range(100)
    ]
    for stock, ours in pairs:
        np.testing.assert_allclose(ours.asnumpy(), stock.asnumpy(), rtol=0, atol=1e-3)


def test_a_diverged_offset_shows():
    """Stock's deformable convolution turns NaN offsets into zeros, and the loss stays finite."""
    one = convolution("DeformableConvolution")
    arrays = one.ndarrays()
    arrays["offset"][0, 0, 1, 2] = np.nan
    arrays["offset"].attach_grad()
    with mx.autograd.record():
        result = one.call(*arrays.values())
    result.backward()
    assert np.isnan(result.asnumpy()[0, :3, 1, 2]).all()  # the filters that read the first group of channels
    assert np.isnan(arrays["offset"].grad.asnumpy()[0, 0, 1, 2])
