# SPDX-License-Identifier: Apache-2.0
"""Tests that every backend computes what the reference says, and that gradients are derivatives."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util

import numpy as np
import pytest

from operators import library
from operators.checks import backends
from operators.checks.case import Case
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad
from operators.checks.numeric import SMALL_STEP, STEP, numeric_gradient, places
from operators.checks.tolerance import NUMERIC_TOLERANCE, assert_close
from operators.for_numpy import Operator


@functools.cache
def expected(case: Case, boundary: str, offsets=between_lines):
    """Inputs, output gradient and what the reference makes of them; computed once, so treat it as read-only."""
    case = case.at(boundary)
    inputs, out_grad = draw_inputs(case, offsets), draw_out_grad(case)
    return (inputs, out_grad, *backends.reference(case, inputs, out_grad))


def cast(inputs: dict, dtype) -> dict:
    return {name: values.astype(dtype) for name, values in inputs.items()}


def check(backend, case: Case, boundary: str, dtype, offsets=between_lines):
    """Compares output and every gradient of a backend with the reference."""
    inputs, out_grad, want, want_grads = expected(case, boundary, offsets)
    case = case.at(boundary)
    got, grads = backend(case, cast(inputs, dtype), out_grad.astype(dtype))
    assert_close(got, want, f"{case}: output")
    assert list(grads) == list(want_grads), f"{case}: gradients of {list(want_grads)} are expected, got {list(grads)}"
    for name, gradient in grads.items():
        assert_close(gradient, want_grads[name], f"{case}: gradient of {name}")


def check_derivatives(case: Case, inputs: dict, out_grad, forward, gradients: dict, most: int):
    """Compares gradients with differences of sum(out_grad * forward()), which reads `inputs`; all float64."""
    for name, array in inputs.items():
        if name in case.no_derivative:
            continue
        where = places(array.shape, most)
        step = SMALL_STEP if case.smooth else STEP
        slopes = numeric_gradient(lambda: float((forward() * out_grad).sum()), array, where, step)
        given = np.array([gradients[name][i] for i in where])
        assert_close(given, slopes, f"{case}: derivative by {name} at {where}", NUMERIC_TOLERANCE)


class AgreementTests:
    """Part of OperatorTester."""

    def test_equals_reference(self, case, boundary, dtype):
        check(backends.for_numpy, case, boundary, dtype)

    def test_gradients_are_derivatives(self, case, boundary):
        case = case.at(boundary)
        inputs, out_grad = draw_inputs(case), draw_out_grad(case)
        operator = Operator(case.operator, **case.attributes)
        gradients = dict(zip(inputs, operator.backward(out_grad, *inputs.values())))
        check_derivatives(
            case, inputs, out_grad, lambda: operator.forward(*inputs.values()), gradients, 8 if case.busy else 48
        )

    def test_reference_gradients_are_derivatives(self, small_case, boundary):
        given, out_grad, _, gradients = expected(small_case, boundary)
        inputs = {name: values.copy() for name, values in given.items()}
        case, functions = small_case.at(boundary), backends.reference_of(small_case.operator)
        check_derivatives(
            case, inputs, out_grad, lambda: functions.forward(*inputs.values(), **case.attributes), gradients, 4
        )

    @pytest.mark.parametrize("way", ["mxnet_nd", "mxnet_sym"])
    def test_through_mxnet_equals_reference(self, case, boundary, dtype, way):
        check(getattr(mxnet_backends(), way), case, boundary, dtype)

    def test_reference_has_the_attributes_of_the_contract(self):
        for name in sorted({case.operator for case in self.cases}):
            defaults, fields = backends.reference_defaults(name), backends.reference_of(name).attributes
            contract = library.descriptions()[name].attributes
            assert sorted(contract) == sorted(f.name for f in dataclasses.fields(fields))
            for attribute, default in defaults.items():
                text = library.attribute_text(default)
                assert contract[attribute]["default"] in (text, str(default).rstrip("0").rstrip(".")), attribute


def mxnet_backends():
    """The module of backends through MXNet; the calling test says "skipped" where there is no MXNet."""
    if importlib.util.find_spec("mxnet") is None:
        pytest.skip("MXNet is not installed")
    from operators.checks import mxnet_backends

    return mxnet_backends
