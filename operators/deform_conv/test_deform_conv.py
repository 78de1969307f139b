# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from operators.checks import backends
from operators.checks.agreement import cast, mxnet_backends
from operators.checks.convolution import ConvolutionTester
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad, on_lines
from operators.checks.tolerance import assert_close
from operators.deform_conv.cases import CASES, MODULATED_CASES, has_one_filter_set, random_case
from operators.for_numpy import Operator

OFFSETS = pytest.mark.parametrize("offsets", [between_lines, on_lines])


def one_filter_set(case):
    if not has_one_filter_set(case):
        pytest.skip("stock MXNet has one offset set over the filters")


class _DeformTester(ConvolutionTester):
    def offset_index(self, tap, axis, channel_set=0):
        return (slice(None), (channel_set * 6 + tap) * 2 + axis)


class TestDeformableConvolution(_DeformTester):
    cases = CASES
    random_case = random_case("DeformableConvolution")

    @OFFSETS
    def test_inside_is_stock_with_its_gradients(self, case, dtype, offsets):
        one_filter_set(case)
        case = case.at("inside")
        inputs, out_grad = cast(draw_inputs(case, offsets), dtype), draw_out_grad(case).astype(dtype)
        got, grads = backends.for_numpy(case, inputs, out_grad)
        want, want_grads = mxnet_backends().stock(case, inputs, out_grad)
        assert_close(got, want, f"{case}: output")
        for name, gradient in want_grads.items():
            assert_close(grads[name], gradient, f"{case}: gradient of {name}")

    def test_default_boundary_is_stocks(self):
        assert_defaults_to("inside", CASES[0])


class TestModulatedDeformableConvolution(_DeformTester):
    cases = MODULATED_CASES
    random_case = random_case("ModulatedDeformableConvolution")

    @OFFSETS
    def test_zero_is_stock(self, case, dtype, offsets):
        """Forward only: stock MXNet has no backward on the CPU."""
        one_filter_set(case)
        case = case.at("zero")
        inputs = cast(draw_inputs(case, offsets), dtype)
        got = Operator(case.operator, **case.attributes).forward(*inputs.values())
        assert_close(got, mxnet_backends().stock_forward(case, inputs), f"{case}: output")

    def test_default_boundary_is_stocks(self):
        assert_defaults_to("zero", MODULATED_CASES[0])

    def test_mask_one_is_the_unmodulated_operator(self, case, boundary):
        case = case.at(boundary)
        inputs = draw_inputs(case)
        inputs["mask"][...] = 1
        got = Operator(case.operator, **case.attributes).forward(*inputs.values())
        del inputs["mask"]
        want = Operator("DeformableConvolution", **case.attributes).forward(*inputs.values())
        assert_close(got, want, f"{case}: output")

    def test_a_mask_weights_its_own_tap(self):
        operator = Operator(
            "ModulatedDeformableConvolution", kernel=(2, 3), num_filter=1, no_bias=True, num_deformable_group=2
        )
        data = np.arange(1.0, 4 * 42 + 1).reshape(1, 4, 6, 7)
        offset, mask = np.zeros((1, 24, 5, 5)), np.zeros((1, 12, 5, 5))
        mask[0, 6 + 4] = 0.5  # the second channel set's tap 4: row 1, column 1
        out = operator.forward(data, offset, mask, np.ones((1, 4, 2, 3)))
        assert (out[0, 0] == 0.5 * (data[0, 2, 1:, 1:6] + data[0, 3, 1:, 1:6])).all()


def assert_defaults_to(boundary, case):
    arrays = draw_inputs(case).values()
    default = Operator(case.operator, **case.attributes).forward(*arrays)
    assert (default == Operator(case.operator, **case.at(boundary).attributes).forward(*arrays)).all()
