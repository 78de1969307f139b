# SPDX-License-Identifier: Apache-2.0
"""The forms in which stock MXNet takes arguments, taken alike."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, STOCK, sample

from operators.for_mxnet import nd, sym

RIGHT = {"kernel": (3, 3), "num_filter": 4, "no_bias": True}
NAMES = ("data", "offset", "weight")
# argument -> forms that stock takes, and what it makes of them is what we must make of them.
FORMS = {
    "stride": [(), "()", [], (2, 2), [2, 2], "(2, 2)", "[2,2]", "(2L, 2L)", " ( 2 ,1 ) ", "(2,1,)", (2, 1, 5),
               (2, 2, 2, 2), (np.int64(2), 1)],
    "dilate": [(), (2, 1), (1, 2, 7), "(1, 1, 3)"],
    "pad": [(), (1, 1), (1, 1, 1), "(1,0,9)", [0, 1]],
    "kernel": [(3, 3), "(3,3)", "[3, 3]"],
    "num_filter": ["4", " 4 ", "+4", np.int32(4)],
    "num_group": [2, "2"],
    "no_bias": ["true", "TRUE", "1", 1, np.bool_(True)],
    "layout": [None, "None", "NCHW"],
    "workspace": [0, 1024, "512"],
}  # fmt: skip


def _output_shape(front, **attributes):
    """Of a picture of 9 x 8 pixels; stock wants to be told how large the offsets are."""
    symbol = front.DeformableConvolution(*(mx.sym.var(name) for name in NAMES), name="n", **{**RIGHT, **attributes})
    for height, width in np.ndindex(11, 11):
        try:
            return symbol.infer_shape(data=(1, 2, 9, 8), offset=(1, 18, height + 1, width + 1))
        except mx.MXNetError:
            continue
    raise AssertionError(f"no shape of offset fits {attributes}")


@pytest.mark.parametrize("argument, value", [(key, value) for key, values in FORMS.items() for value in values])
def test_a_form_that_stock_takes_means_the_same(argument, value, capfd):
    assert _output_shape(sym, **{argument: value}) == _output_shape(mx.sym.contrib, **{argument: value})


# argument -> forms that stock refuses, when a node is made or when shapes are inferred; () is no kernel.
REFUSED = {
    "stride": [(2,), 2, "2", (2.0, 2.0), "(2 2)", (0, 1), (-1, 1), "None"],
    "kernel": [3, (3,), (), (3, 3, 3), "3 3", (0, 3)],
    "num_filter": [4.0, "four", 0, -4, True],
    "no_bias": ["yes", 2, None],
    "layout": ["NHWC", "NCW", "nchw"],
}


@pytest.mark.parametrize("argument, value", [(key, value) for key, values in REFUSED.items() for value in values])
def test_a_form_that_stock_refuses_is_refused_at_once_and_named(argument, value, capfd):
    with pytest.raises((mx.MXNetError, AssertionError)):
        _output_shape(mx.sym.contrib, **{argument: value})
    with pytest.raises(mx.MXNetError, match=f"Error in operator n: DeformableConvolution: .*{argument}"):
        sym.DeformableConvolution(mx.sym.var("data"), name="n", **{**RIGHT, argument: value})


@pytest.mark.parametrize("operator", STOCK)
def test_attributes_as_text_are_those_as_numbers(operator):
    one = sample(operator)
    given = {name: array for name, array in one.ndarrays().items()}
    texts = {key: str(value) for key, value in one.attributes.items()}
    result = getattr(nd, operator)(**given, **texts)
    np.testing.assert_array_equal(result.asnumpy(), one.call(*given.values()).asnumpy())


def test_an_operator_that_stock_lacks_reads_no_more_than_two_numbers():
    """() is MXNet's word for the default; a third number, which stock does not read, is a mistake."""
    made = sym.ActiveConvolution(mx.sym.var("data"), name="n", kernel=(3, 3), num_filter=4, stride=(), pad=[])
    assert made.infer_shape(data=(1, 2, 9, 8))[1] == [(1, 4, 7, 6)]
    with pytest.raises(mx.MXNetError, match=r"Error in operator n: ActiveConvolution: attribute 'pad'.*\(1, 1, 1\)"):
        sym.ActiveConvolution(mx.sym.var("data"), name="n", kernel=(3, 3), num_filter=4, pad=(1, 1, 1))


@pytest.mark.parametrize("operator", OPERATORS)
def test_arrays_of_mx_np_are_refused_by_the_operator_and_the_advice_works(operator):
    one = sample(operator)
    given = {name: array.as_np_ndarray() for name, array in one.ndarrays().items()}
    first = next(iter(given))
    with pytest.raises(mx.MXNetError, match=rf"{operator}: {first} is of mx.np: give {first}.as_nd_ndarray\(\)"):
        getattr(nd, operator)(**given, **one.attributes)
    for array in given.values():
        array.attach_grad()
    with mx.autograd.record():
        result = one.call(*(array.as_nd_ndarray() for array in given.values())).as_np_ndarray()
    result.backward(mx.np.array(one.out_grad, dtype="float64"))
    np.testing.assert_allclose(result.asnumpy(), one.output(), rtol=1e-10, atol=1e-10)
    for name, gradient in one.gradients().items():
        np.testing.assert_allclose(given[name].grad.asnumpy(), gradient, rtol=1e-10, atol=1e-10)
