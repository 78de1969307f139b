# SPDX-License-Identifier: Apache-2.0
"""float16 on the CPU: every operator computes in float32 and rounds once."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, sample

from operators.for_mxnet import nd


def _copied(values):
    """What a shift by nothing makes of numbers: they pass through float32 and back."""
    data = mx.nd.array(values.reshape(1, 1, -1, 1), dtype="float16")
    return nd.Shift(data, mx.nd.zeros((1, 2), dtype="float16")).asnumpy().reshape(values.shape)


def test_every_number_of_float16_comes_back():
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    np.testing.assert_array_equal(_copied(finite).view(np.uint16), (finite + np.float16(0)).view(np.uint16))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_shows(value):
    out = _copied(np.array([value], np.float16))
    assert out[0] == value or np.isnan(out[0])  # 0 times infinity, which bilinear sampling may meet, is NaN


def test_results_are_rounded_as_numpy_rounds():
    """The mean of two neighbours of all sizes, among them halfway cases, numbers below 2^-14 and overflow."""
    random = np.random.RandomState(1)
    values = random.randint(0, 1 << 16, (1, 1, 4096, 2)).astype(np.uint16).view(np.float16)
    values = np.where(np.isfinite(values), values, np.float16(0))
    values[0, 0, :5] = [[65504, 65504], [65504, 65472], [2**-24, 0], [2**-24, 2**-23], [1, 1 + 2**-10]]
    out = nd.Shift(mx.nd.array(values, dtype="float16"), mx.nd.array([[0, 0.5]], dtype="float16")).asnumpy()
    wide = values.astype(np.float32)
    expected = (0.5 * wide[..., 0] + 0.5 * wide[..., 1]).astype(np.float16)
    np.testing.assert_array_equal(out[..., 0].view(np.uint16) & 0x7FFF, expected.view(np.uint16) & 0x7FFF)


@pytest.mark.parametrize("operator", OPERATORS)
def test_outputs_and_gradients_are_those_of_float32(operator):
    one, found = sample(operator), {}
    for dtype in ("float16", "float32"):
        given = {name: array.astype("float16").astype(dtype) for name, array in one.ndarrays("float32").items()}
        for array in given.values():
            array.attach_grad()
        with mx.autograd.record():
            out = one.call(*given.values())
        out.backward(mx.nd.array(one.out_grad).astype("float16").astype(dtype))
        found[dtype] = [out, *(array.grad for array in given.values())]
    for half, single in zip(found["float16"], found["float32"]):
        assert half.dtype == np.float16
        np.testing.assert_array_equal(half.asnumpy(), single.asnumpy().astype(np.float16))


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_bound_symbol_infers_it(operator):
    one = sample(operator)
    symbol = one.symbol()
    inputs, outputs, _ = symbol.infer_type(data=np.float16)
    assert inputs == [np.float16] * len(inputs) and outputs == [np.float16]
    executor = symbol.simple_bind(mx.cpu(), type_dict=dict.fromkeys(one.arrays, np.float16), **one.known)
    executor.copy_params_from({name: array.astype("float16") for name, array in one.ndarrays("float32").items()})
    given = [array.astype("float16") for array in one.ndarrays("float32").values()]
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), one.call(*given).asnumpy())
