# SPDX-License-Identifier: Apache-2.0
"""Tests of what every sampled convolution must do beside agreeing with its reference: be the plain convolution when
nothing moves, and move the right tap the right way."""

from __future__ import annotations

import numpy as np
import pytest

from operators.checks import backends
from operators.checks.agreement import cast, mxnet_backends
from operators.checks.case import Case
from operators.checks.inputs import draw_inputs, draw_out_grad
from operators.checks.tester import OperatorTester
from operators.checks.tolerance import assert_close
from operators.for_numpy import Operator


def no_offsets(random, shape, case):
    return np.zeros(shape)


def unmoved(case: Case, dtype) -> tuple:
    """Inputs with offset 0 and mask 1, and an output gradient."""
    inputs = cast(draw_inputs(case, no_offsets), dtype)
    if "mask" in inputs:
        inputs["mask"][...] = 1
    return inputs, draw_out_grad(case).astype(dtype)


class ConvolutionTester(OperatorTester):
    """Subclass it as Test<Operator>; beside what OperatorTester asks for, say where an offset stands."""

    def offset_index(self, tap: int, axis: int, channel_set: int = 0) -> tuple:
        """The index into `offset` of one tap's dy (axis 0) or dx (axis 1), of a 2 x 3 kernel at every position."""
        raise NotImplementedError

    @pytest.mark.parametrize("rule", ["zero", "inside"])
    def test_zero_offset_is_stock_convolution(self, case, rule, dtype):
        case = case.at(rule)
        inputs, out_grad = unmoved(case, dtype)
        got, grads = backends.for_numpy(case, inputs, out_grad)
        want, want_grads = mxnet_backends().plain_convolution(case, inputs, out_grad)
        assert_close(got, want, f"{case}: output")
        for name, gradient in want_grads.items():
            assert_close(grads[name], gradient, f"{case}: gradient of {name}")

    def test_zero_offset_under_border_repeats_the_edge(self, case, dtype):
        """That is: as if the map had been padded with copies of its edge."""
        inputs, _ = unmoved(case, dtype)
        arrays = list(inputs.values())
        got = Operator(case.operator, **case.at("border").attributes).forward(*arrays)
        pad_y, pad_x = case.attributes.get("pad", (0, 0))
        arrays[0] = np.pad(arrays[0], ((0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x)), mode="edge")
        attributes = {**case.attributes, "pad": (0, 0), "boundary": "zero"}
        assert_close(got, Operator(case.operator, **attributes).forward(*arrays), f"{case}: output")

    def _probe(self, weight, moved, channels=1, num_deformable_group=1):
        """The output of a 2 x 3 kernel on a map of all different numbers with the given offset entries set to 1."""
        data = np.arange(1.0, channels * 42 + 1).reshape(1, channels, 6, 7)
        operator = Operator(
            self.cases[0].operator, kernel=(2, 3), num_filter=1, no_bias=True, boundary="zero",
            num_deformable_group=num_deformable_group,
        )  # fmt: skip
        shapes, _ = operator.shapes(data.shape)
        arrays = [np.zeros(shape) for shape in shapes]
        named = dict(zip(operator.inputs, arrays))
        named["data"][...], named["weight"][...] = data, weight
        for index in moved:
            named["offset"][index] = 1
        if "mask" in named:
            named["mask"][...] = 1
        return np.pad(data, ((0, 0), (0, 0), (0, 1), (0, 1)))[0], operator.forward(*arrays)[0, 0]

    @pytest.mark.parametrize("axis", [0, 1])
    def test_an_offset_moves_its_own_tap_down_or_right(self, axis):
        """Taps are numbered row-major; the first number of a pair is dy, the second dx."""
        for read in range(6):
            for moved in range(6):
                weight = np.eye(6)[read].reshape(1, 1, 2, 3)
                padded, out = self._probe(weight, [self.offset_index(moved, axis)])
                step = (1 - axis, axis) if read == moved else (0, 0)
                y, x = read // 3 + step[0], read % 3 + step[1]
                assert (out == padded[0, y : y + 5, x : x + 5]).all(), (read, moved)

    @pytest.mark.parametrize("channel_set", [0, 1])
    def test_a_channel_offset_set_moves_its_own_channels(self, channel_set):
        """With two sets over four channels, the first set is that of the first two."""
        for channel in range(4):
            weight = np.zeros((1, 4, 2, 3))
            weight[0, channel, 0, 0] = 1
            padded, out = self._probe(weight, [self.offset_index(0, 0, channel_set)], 4, 2)
            y = 1 if channel // 2 == channel_set else 0
            assert (out == padded[channel, y : y + 5, :5]).all(), channel
