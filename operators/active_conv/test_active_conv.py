# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operators.active_conv.cases import CASES, random_case
from operators.checks import backends
from operators.checks.agreement import cast, mxnet_backends
from operators.checks.case import Case
from operators.checks.convolution import ConvolutionTester
from operators.checks.inputs import draw_inputs, draw_out_grad
from operators.checks.numeric import numeric_gradient, places
from operators.checks.tolerance import NUMERIC_TOLERANCE, assert_close
from operators.for_numpy import Operator


class TestActiveConvolution(ConvolutionTester):
    cases = CASES
    random_case = random_case("ActiveConvolution")

    def offset_index(self, tap, axis, channel_set=0):
        return (0, channel_set, tap // 3, tap % 3, axis)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case", [c for c in CASES if "num_offset_group" not in c.attributes and not c.no_derivative], ids=lambda c: c.name
)
def test_inside_is_stock_deformable_convolution_with_one_offset_everywhere(case, dtype):
    case = case.at("inside")
    inputs, out_grad = cast(draw_inputs(case), dtype), draw_out_grad(case).astype(dtype)
    got, grads = backends.for_numpy(case, inputs, out_grad)
    spread = (case.data[0], inputs["offset"].size, *out_grad.shape[2:])  # (sets, taps, dy dx) is already its order
    everywhere = {**inputs, "offset": np.broadcast_to(inputs["offset"].reshape(1, -1, 1, 1), spread)}
    stock_case = replace(case, operator="DeformableConvolution")
    want, want_grads = mxnet_backends().stock(stock_case, everywhere, out_grad)
    want_grads["offset"] = want_grads["offset"].sum((0, 2, 3), dtype=np.float64).reshape(inputs["offset"].shape)
    assert_close(got, want, f"{case}: output")
    for name, gradient in want_grads.items():
        assert_close(grads[name], gradient, f"{case}: gradient of {name}")


@pytest.mark.parametrize("filter_set", [0, 1])
def test_a_filter_offset_set_moves_its_own_filters(filter_set):
    """With two sets over four filters, the first set is that of the first two."""
    operator = Operator("ActiveConvolution", kernel=(1, 1), num_filter=4, num_offset_group=2, no_bias=True)
    data, offset = np.arange(1.0, 13).reshape(1, 1, 3, 4), np.zeros((2, 1, 1, 1, 2))
    offset[filter_set, ..., 0] = 1
    out = operator.forward(data, offset, np.ones((4, 1, 1, 1)))
    moved = np.concatenate([data[0, 0, 1:], np.zeros((1, 4))])
    for k in range(4):
        assert (out[0, k] == (moved if k // 2 == filter_set else data[0, 0])).all(), k


DATA = (2, 3, 5, 6)
PLAIN = dict(kernel=(2, 3), num_filter=4, pad=(1, 1), num_offset_group=2)


def _offset_gradient(inputs, out_grad, **attributes):
    operator = Operator("ActiveConvolution", **PLAIN, **attributes)
    return operator.backward(out_grad, *inputs.values())[1]


@pytest.mark.parametrize("boundary", ["zero", "inside", "border"])
def test_what_is_done_to_the_offset_gradient(boundary):
    """Each of the three settings, from the gradient by differences: normalized, then scaled, then fixed."""
    case = Case("ActiveConvolution", "all filters in two sets", DATA, PLAIN).at(boundary)
    inputs, out_grad = draw_inputs(case), draw_out_grad(case)
    operator = Operator("ActiveConvolution", **case.attributes)
    offset = inputs["offset"]
    loss = lambda: float((operator.forward(*inputs.values()) * out_grad).sum())  # noqa: E731
    where = sorted(places(offset.shape, offset.size))
    pairs = numeric_gradient(loss, offset, where).reshape(-1, 2)

    def check(wanted, **attributes):
        got = _offset_gradient(inputs, out_grad, boundary=boundary, **attributes).reshape(-1, 2)
        assert_close(got, wanted, str(attributes), NUMERIC_TOLERANCE)

    unit = pairs / np.sqrt((pairs**2).sum(1, keepdims=True))
    free = np.array([tap not in (0, 4) for tap in range(6)] * 2)[:, None]
    check(pairs)
    check(3 * pairs, offset_lr_rate=3)
    check(unit, normalize_grad=True)
    check(0.05 * unit, normalize_grad=True, offset_lr_rate=0.05)
    check(pairs * free, fixed_taps=(0, 4))
    check(0.05 * unit * free, normalize_grad=True, offset_lr_rate=0.05, fixed_taps=(4, 0))


def test_a_zero_gradient_stays_zero_when_normalized():
    case = Case("ActiveConvolution", "", DATA, PLAIN).at("zero")
    inputs = draw_inputs(case)
    inputs["offset"][...] = 100  # far outside: nothing is read
    gradient = _offset_gradient(inputs, draw_out_grad(case), boundary="zero", normalize_grad=True)
    assert (gradient == 0).all()


def test_a_nan_offset_shows_in_its_gradient_alone():
    case = Case("ActiveConvolution", "", DATA, PLAIN).at("zero")
    inputs = draw_inputs(case)
    inputs["offset"][1, 0, 0, 2, 0] = np.nan
    gradient = _offset_gradient(inputs, draw_out_grad(case), boundary="zero", normalize_grad=True)
    expected = np.zeros(gradient.shape, bool)
    expected[1, 0, 0, 2] = True
    assert (np.isnan(gradient) == expected).all()
