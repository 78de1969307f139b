# SPDX-License-Identifier: Apache-2.0
"""The harness itself: it must see what it is there to see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, find, settings

from operators import library
from operators.checks import backends, catalogue, random_cases
from operators.checks.agreement import AgreementTests, check, check_derivatives
from operators.checks.case import Case
from operators.checks.guards import Guarded
from operators.checks.inputs import (
    CLEARANCE,
    EPSILON,
    SPECIALS,
    between_lines,
    draw_inputs,
    draw_out_grad,
    on_lines,
    special,
)
from operators.checks.numeric import numeric_gradient, places
from operators.checks.tester import OperatorTester
from operators.checks.tolerance import TOLERANCE, assert_close, assert_same_bits
from operators.for_numpy import Operator

CASE = Case("ModulatedDeformableConvolution", "example", (2, 4, 5, 6), dict(kernel=(2, 3), num_filter=3, pad=(1, 1)))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_assert_close_allows_its_tolerance_and_no_more(dtype):
    want = np.array([1.0, -100, 0])
    step = np.array([0, 0, 100 * TOLERANCE[dtype]])
    assert_close((want + 0.9 * step).astype(dtype), want, "near")
    with pytest.raises(AssertionError, match=r"far: 1 of 3 elements differ; worst at \(2,\)"):
        assert_close((want + 1.1 * step).astype(dtype), want, "far")


@pytest.mark.parametrize(
    "got, want",
    [
        ([1, np.nan], [1, 2]),
        ([1, 2], [1, np.nan]),
        ([1, np.inf], [1, np.nan]),
        ([1, -np.inf], [1, np.inf]),
        ([1, 2, 3], [1, 2]),
        ([1e-30, 0], [0, 0]),
    ],
)
def test_assert_close_sees(got, want):
    with pytest.raises(AssertionError):
        assert_close(np.array(got, np.float64), want, "it")


def test_assert_close_takes_equal_strange_numbers():
    strange = np.array([1, np.nan, np.inf, -np.inf])
    assert_close(strange, strange, "it")
    assert_close(np.zeros((0, 3)), np.zeros((0, 3)), "nothing")


def test_same_bits_tells_zero_from_minus_zero():
    assert_same_bits(np.array([0.0]), np.array([0.0]), "it")
    with pytest.raises(AssertionError):
        assert_same_bits(np.array([0.0]), np.array([-0.0]), "it")


@pytest.mark.parametrize("guard", [np.nan, 12345.0])
@pytest.mark.parametrize("where", [-1, 6])
def test_guards_see_a_write_on_either_side(guard, where):
    guarded = Guarded(np.arange(6.0).reshape(2, 3), guard)
    guarded.array[...] = -1
    guarded.assert_untouched("it")
    guarded.array.base[4096 + where] = 0
    with pytest.raises(AssertionError, match="beside"):
        guarded.assert_untouched("it")


def test_offsets_between_lines_keep_their_distance():
    offsets = draw_inputs(CASE)["offset"]
    assert (np.abs(offsets - np.round(offsets)) >= CLEARANCE).all()
    assert len(np.unique(np.floor(offsets))) > 2


def test_offsets_on_lines_are_on_them_and_just_beside_them():
    offsets = draw_inputs(CASE, on_lines)["offset"]
    assert set(np.unique(offsets - np.round(offsets))) == {-EPSILON, 0, EPSILON}
    assert offsets.min() < -6 and offsets.max() > 6


def test_special_offsets_hold_every_special_value():
    offsets = draw_inputs(CASE, special)["offset"].ravel()
    for value in SPECIALS:
        assert np.isnan(offsets).any() if np.isnan(value) else (offsets == np.float32(value)).any(), value


@pytest.mark.parametrize("offsets", [between_lines, on_lines, special])
def test_draws_are_float32_numbers_and_depend_on_the_seed_alone(offsets):
    first, again, other = (draw_inputs(CASE, offsets, seed) for seed in (0, 0, 1))
    for name, values in first.items():
        np.testing.assert_array_equal(values.astype(np.float32).astype(np.float64), values)
        np.testing.assert_array_equal(values, again[name])
        assert not np.array_equal(values, other[name])


def test_numeric_gradient_of_a_product_is_exact_and_restores():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    gradient = numeric_gradient(lambda: float((a * b).sum()), a, [(2,), (0,)])
    assert gradient.tolist() == [6, 4] and a.tolist() == [1, 2, 3]


def test_places_are_different_and_no_more_than_there_are():
    assert sorted(places((2, 3), 100)) == [(i, j) for i in range(2) for j in range(3)]
    assert len(set(places((50, 50), 20))) == 20
    assert places((0, 4), 5) == []


def _spoiled(spoil):
    """The compiled kernels with a fault."""

    def backend(case, inputs, out_grad):
        out, grads = backends.for_numpy(case, inputs, out_grad)
        return spoil(out, grads, inputs)

    return backend


def _swap_dy_dx(out, grads, inputs):
    n, c, h, w = grads["offset"].shape
    grads["offset"] = grads["offset"].reshape(n, c // 2, 2, h, w)[:, :, ::-1].reshape(n, c, h, w)
    return out, grads


FAULTS = {
    "one output element": lambda out, grads, inputs: (
        out + 2e-4 * (np.arange(out.size) == 7).reshape(out.shape),
        grads,
    ),
    "dy and dx exchanged": _swap_dy_dx,
    "mask forgotten": lambda out, grads, inputs: (
        out,
        {**grads, "offset": grads["offset"] / np.repeat(inputs["mask"], 2, axis=1)},
    ),
    "sign of a gradient": lambda out, grads, inputs: (out, {**grads, "mask": -grads["mask"]}),
    "taps of the weight turned round": lambda out, grads, inputs: (
        out,
        {**grads, "weight": np.ascontiguousarray(grads["weight"][..., ::-1])},
    ),
    "a gradient that is not there": lambda out, grads, inputs: (out, {k: v for k, v in grads.items() if k != "bias"}),
    "wrong shape": lambda out, grads, inputs: (out[:1], grads),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_faulty_backend(fault, dtype):
    check(backends.for_numpy, CASE, "zero", dtype)
    with pytest.raises(AssertionError, match="ModulatedDeformableConvolution"):
        check(_spoiled(FAULTS[fault]), CASE, "zero", dtype)


@pytest.mark.parametrize("name", ["data", "offset", "mask", "weight", "bias"])
def test_check_derivatives_sees_a_gradient_that_is_not_the_derivative(name):
    case = CASE.at("border")
    inputs, out_grad = draw_inputs(case), draw_out_grad(case)
    operator = Operator(case.operator, **case.attributes)
    gradients = dict(zip(inputs, operator.backward(out_grad, *inputs.values())))

    def run():
        check_derivatives(case, inputs, out_grad, lambda: operator.forward(*inputs.values()), gradients, 48)

    run()
    gradients[name] = gradients[name] * (1 + 1e-5)
    with pytest.raises(AssertionError, match=f"derivative by {name}"):
        run()


def test_a_derivative_across_a_kink_is_not_the_gradient():
    """Why offsets keep away from lattice lines: on one, the difference mixes the slopes of both sides."""
    case = Case("Shift", "on a line", (1, 1, 3, 4)).at("zero")
    inputs, out_grad = {**draw_inputs(case), "offset": np.zeros((1, 2))}, draw_out_grad(case)
    operator = Operator(case.operator, **case.attributes)
    gradients = dict(zip(inputs, operator.backward(out_grad, *inputs.values())))
    with pytest.raises(AssertionError, match="derivative by offset"):
        check_derivatives(case, inputs, out_grad, lambda: operator.forward(*inputs.values()), gradients, 48)


def test_the_tester_runs_every_boundary_dtype_and_case():
    class Example(OperatorTester):
        cases = [CASE, Case("Shift", "busy", (1, 2, 3, 4), busy=True)]
        random_case = random_cases.maps("Shift")

    class Metafunc:
        fixturenames = ["case", "small_case", "busy_case", "boundary", "dtype"]

        def __init__(self):
            self.given = {}

        def parametrize(self, name, values, ids=None):
            self.given[name] = list(values)

    metafunc = Metafunc()
    Example().pytest_generate_tests(metafunc)
    assert metafunc.given == {
        "case": Example.cases,
        "small_case": Example.cases[:1],
        "busy_case": Example.cases[1:],
        "boundary": ["zero", "inside", "border"],
        "dtype": ["float32", "float64"],
    }
    assert issubclass(Example, AgreementTests)


@pytest.mark.parametrize("operator", catalogue.names())
def test_a_room_says_all_that_generic_tests_ask_for(operator):
    cases, described = catalogue.cases_of(operator), library.descriptions()
    roommates = [each for each in described.values() if each.room == described[operator].room]
    assert any(case.busy for case in cases) and not all(case.busy for case in cases)
    assert set(catalogue.drawers_of(operator)) <= {name for each in roommates for name in each.inputs}
    sample = catalogue.sample_of(operator)
    assert sample.operator == operator and not sample.no_derivative or sample.no_derivative == ("rois",)
    assert list(draw_inputs(sample)) == list(Operator(operator, **sample.attributes).inputs)
    quick = settings(derandomize=True, database=None, phases=[Phase.generate])
    assert find(catalogue.random_case_of(operator), lambda case: True, settings=quick).operator == operator


def test_a_room_that_says_less_is_an_error(monkeypatch):
    from operators.shift import cases

    monkeypatch.setattr(cases, "SAMPLES", {})
    with pytest.raises(LookupError, match=r"shift/cases.py has no sample of Shift"):
        catalogue.sample_of("Shift")
    monkeypatch.delattr(cases, "DRAWERS")
    with pytest.raises(LookupError, match=r"shift/cases.py says nothing of DRAWERS"):
        draw_inputs(Case("Shift", "any", (1, 2, 3, 4)))


@pytest.mark.parametrize("operator", ["DeformableConvolution", "ActiveConvolution"])
def test_random_convolutions_are_valid_and_vary(operator):
    quick = settings(derandomize=True, database=None, phases=[Phase.generate])
    strategy = random_cases.convolutions(operator)
    for wanted in (
        lambda case: case.data[0] == 0,
        lambda case: case.data[1] > 32,
        lambda case: case.attributes["num_group"] > 1 and case.attributes["num_deformable_group"] > 1,
        lambda case: case.attributes["num_offset_group"] == case.attributes["num_filter"] > 1,
    ):
        case = find(strategy, wanted, settings=quick)
        Operator(case.operator, **case.attributes).shapes(case.data)
