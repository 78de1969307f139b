# SPDX-License-Identifier: Apache-2.0
"""The CUDA library's code, run on the host, against the rooms' references: each launch in an order of its own, products
by the library's own calls of a stand-in for cuBLAS."""

from __future__ import annotations

import numpy as np
import pytest
from device_arrays import CudaOperator, from_storage, to_storage

from operators import library
from operators.checks.agreement import expected
from operators.checks.backends import reference
from operators.checks.case import Case
from operators.checks.catalogue import all_cases, boundaries_of
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad, on_lines, special
from operators.checks.tolerance import TOLERANCE, assert_close
from operators.for_numpy import Operator

# A product's sum is rounded once, a column's elements once each, and so are the inputs: against the reference on the
# rounded inputs a few units of 2^-11 and 2^-8 are left.
TOLERANCES = {**TOLERANCE, "float16": 4e-3, "bfloat16": 3e-2}
DTYPES = list(TOLERANCES)


CASES = [(case, boundary) for case in all_cases() for boundary in boundaries_of(case.operator)]


def with_cases(pairs):
    ids = [f"{case.operator}, {case.name} {boundary}".strip() for case, boundary in pairs]
    return pytest.mark.parametrize(("case", "boundary"), pairs, ids=ids)


at_cases = with_cases(CASES)
at_quick_cases = with_cases([(case, boundary) for case, boundary in CASES if not case.busy])
at_few_cases = with_cases(
    [(case, boundary) for case, boundary in CASES if not case.busy and boundary in ("", "inside")]
)


def wanted(case, boundary, dtype, offsets):
    """Inputs, output gradient, output and gradients, all float64 and, but for rounding, in that dtype."""
    if dtype in ("float32", "float64"):
        return expected(case, boundary, offsets)
    case = case.at(boundary)
    inputs = draw_inputs(case, offsets, stored=lambda values: rounded(values, dtype))
    out_grad = rounded(draw_out_grad(case), dtype)
    return (inputs, out_grad, *reference(case, inputs, out_grad))


def rounded(values, dtype):
    return from_storage(to_storage(values, dtype), dtype)


def run(lib, case, dtype, inputs, out_grad, want, want_grads, deterministic=False):
    """Output and gradients, in storage form."""
    operator = CudaOperator(lib, case.operator, dtype, **case.attributes)
    arrays = [to_storage(values, dtype) for values in inputs.values()]
    out = operator.forward(*arrays, out=to_storage(np.full(want.shape, np.nan), dtype))
    grads = [to_storage(np.full(g.shape, np.nan), dtype) for g in want_grads.values()]
    reqs = ["write"] * len(grads)
    operator.backward(to_storage(out_grad, dtype), *arrays, grads=grads, reqs=reqs, deterministic=deterministic)
    return out, grads


def check(lib, case, boundary, dtype, offsets=between_lines, deterministic=False):
    inputs, out_grad, want, want_grads = wanted(case, boundary, dtype, offsets)
    case = case.at(boundary)
    out, grads = run(lib, case, dtype, inputs, out_grad, want, want_grads, deterministic)
    close(out, want, dtype, f"{case}: output")
    for (name, gradient), got in zip(want_grads.items(), grads):
        close(got, gradient, dtype, f"{case}: gradient of {name}")


def close(got, want, dtype, what):
    assert_close(from_storage(got, dtype), want, f"{what} ({dtype})", TOLERANCES[dtype])


@pytest.mark.parametrize(("dtype", "deterministic"), [("float32", False), ("float32", True), ("float64", False)])
@at_cases
def test_equals_reference(host_library, case, boundary, dtype, deterministic):
    check(host_library, case, boundary, dtype, deterministic=deterministic)


# With another way to sum each, and without the large cases: the paths are the same.
@pytest.mark.parametrize(("dtype", "deterministic"), [("float16", False), ("bfloat16", True)])
@at_quick_cases
def test_half_types_equal_reference(host_library, case, boundary, dtype, deterministic):
    check(host_library, case, boundary, dtype, deterministic=deterministic)


@pytest.mark.parametrize(("offsets", "deterministic"), [(on_lines, False), (special, True)])
@at_quick_cases
def test_points_on_lattice_lines_and_strange_ones(host_library, case, boundary, offsets, deterministic):
    check(host_library, case, boundary, "float32", offsets, deterministic)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@at_few_cases
def test_null_write_and_add(host_library, case, boundary, dtype):
    """add keeps what was there, null touches nothing (its pointer is null), and each gradient alone is the same."""
    inputs, out_grad, want, want_grads = wanted(case, boundary, dtype, between_lines)
    operator = CudaOperator(host_library, case.operator, dtype, **case.at(boundary).attributes)
    arrays, head = [to_storage(values, dtype) for values in inputs.values()], to_storage(out_grad, dtype)
    two = to_storage(np.full(want.shape, 2), dtype)
    close(operator.forward(*arrays, out=two.copy(), req="add"), want + 2, dtype, f"{case}: output, add")
    assert (operator.forward(*arrays, out=two.copy(), req="null") == two).all()
    for deterministic in (False, True):
        for i, (name, gradient) in enumerate(want_grads.items()):
            grads = [to_storage(np.full(g.shape, 2), dtype) for g in want_grads.values()]
            reqs = ["null"] * len(grads)
            reqs[i] = "add"
            operator.backward(head, *arrays, grads=grads, reqs=reqs, deterministic=deterministic)
            close(grads[i], gradient + 2, dtype, f"{case}: gradient of {name} alone, add")
            assert all((g == to_storage(2, dtype)).all() for j, g in enumerate(grads) if j != i)


@pytest.mark.parametrize("batch", [0, 65])
@at_few_cases
def test_batches(host_library, case, boundary, batch):
    check(host_library, case.with_batch(batch), boundary, "float32", deterministic=batch > 0)


@pytest.mark.parametrize(("dtype", "deterministic"), [("float64", True), ("float16", False)])
@pytest.mark.parametrize("case", [c for c in all_cases() if c.busy], ids=lambda c: f"{c.operator}, {c.name}")
def test_the_smallest_workspace(host_library, case, dtype, deterministic):
    """Convolutions in several chunks of one image, and of several."""
    before = library.workspace_bytes()
    library.set_workspace_bytes(1 << 20)
    try:
        check(host_library, case, boundaries_of(case.operator)[0], dtype, deterministic=deterministic)
        operator = CudaOperator(host_library, case.operator, dtype, **case.attributes)
        arrays = [to_storage(values, dtype) for values in draw_inputs(case).values()]
        cublas = 4 << 20  # its share is never smaller
        assert operator.workspace_bytes(arrays, True, deterministic) < (2 << 20) + cublas
    finally:
        library.set_workspace_bytes(before)


def exploded(random, shape, case):
    """Every second point far outside: under `border` they all look at one of four pixels."""
    values = between_lines(random, shape, case)
    return np.where(random.random(shape) < 0.5, np.copysign(2.0**20, values), values)


def test_thousands_of_points_that_look_at_one_pixel(host_library):
    """Their list is not sorted by its one thread but read off in order: the same sum, in the same order."""
    case = Case("DeformableConvolution", "exploded", (1, 3, 20, 21), dict(kernel=(3, 3), num_filter=2, pad=(1, 1)))
    check(host_library, case, "border", "float64", exploded, deterministic=True)


def test_wrong_arguments_are_named(host_library):
    operator = CudaOperator(host_library, "Shift", "float32", boundary="zero")
    data, offset = np.zeros((1, 2, 3, 4), np.float32), np.zeros((2, 2), np.float32)
    with pytest.raises(library.OperatorError, match=r"Shift: offset must have shape \(2, 2\).*got \(3, 2\)"):
        operator.forward(data, np.zeros((3, 2), np.float32), out=data.copy())
    with pytest.raises(library.OperatorError, match="Shift: the output must be float32 of shape"):
        operator.forward(data, offset, out=np.zeros((1, 2, 3, 5), np.float32))


@pytest.mark.parametrize("operator", ["PSROIPooling", "DeformablePSROIPooling"])
def test_the_fraction_of_an_image_is_dropped_and_minus_1_is_no_region(host_library, operator):
    attributes = dict(spatial_scale=1.0, output_dim=1, pooled_size=2, group_size=1)
    if operator == "DeformablePSROIPooling":
        attributes.update(sample_per_part=2, trans_std=0.1)
    one = CudaOperator(host_library, operator, "float32", **attributes)
    data = np.random.default_rng(1).standard_normal((2, 1, 5, 6)).astype(np.float32)
    rois = np.array([[1.75, 0, 0, 4, 4], [-1, np.nan, -1, -1, -1], [-0.25, 1, 1, 3, 3]], np.float32)
    inputs = [data, rois]
    if operator == "DeformablePSROIPooling":
        inputs.append(np.full((3, 2, 2, 2), 0.3, np.float32))
    head = np.ones((3, 1, 2, 2), np.float32)
    backend = Operator(operator, **attributes)
    want = backend.forward(*inputs)
    np.testing.assert_allclose(one.forward(*inputs, out=np.full_like(head, 7)), want, rtol=1e-5)
    assert (want[1] == 0).all() and np.isfinite(want).all()
    for deterministic in (False, True):
        grads = [np.full_like(array, 7) for array in inputs]
        one.backward(head, *inputs, grads=grads, reqs=["write"] * len(grads), deterministic=deterministic)
        for got, right in zip(grads, backend.backward(head, *inputs)):
            np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5)
    assert host_library.acn_cuda_check(0) == 0


@pytest.mark.parametrize("wrong", [-2, 2, np.nan, np.inf])
@pytest.mark.parametrize("operator", ["PSROIPooling", "DeformablePSROIPooling"])
def test_an_image_that_is_not_there_is_told_later(host_library, operator, wrong):
    """Its own numbers are NaN, it gives no gradient, the others are right, and the next call or check says so."""
    attributes = dict(spatial_scale=1.0, output_dim=1, pooled_size=2, group_size=1)
    if operator == "DeformablePSROIPooling":
        attributes["no_trans"] = True
    one = CudaOperator(host_library, operator, "float32", **attributes)
    data = np.ones((2, 1, 5, 6), np.float32)
    rois = np.array([[0, 0, 0, 4, 4], [wrong, 0, 0, 4, 4]], np.float32)
    out = one.forward(data, rois, out=np.zeros((2, 1, 2, 2), np.float32))
    np.testing.assert_allclose(out[0], 1, rtol=1e-6)
    assert np.isnan(out[1]).all()
    said = f"{operator}: the image of a region must be a whole number"
    assert host_library.acn_cuda_check(0) != 0
    assert said in host_library.acn_cuda_last_error().decode()
    assert host_library.acn_cuda_check(0) == 0
    for deterministic in (False, True):
        grads = [np.full_like(data, 7), np.full_like(rois, 7)]
        one.backward(np.ones_like(out), data, rois, grads=grads, reqs=["write"] * 2, deterministic=deterministic)
        np.testing.assert_allclose(grads[0][0].sum(), 4, rtol=1e-5)
        assert (grads[0][1] == 0).all() and (grads[1] == 0).all()
        with pytest.raises(library.OperatorError, match=said):
            one.forward(data, rois, out=out)


def test_the_half_types_of_the_host_build_round_as_numpy(host_library):
    """A shift by nothing copies: so conversions there and back are seen alone. Every float16, and floats between."""
    every = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16)
    for dtype, array in (("float16", every.view(np.float16)), ("bfloat16", every)):
        data = array.reshape(1, 1, 256, 256)
        operator = CudaOperator(host_library, "Shift", dtype)
        out = operator.forward(data, to_storage(np.zeros((1, 2)), dtype), out=np.zeros_like(data))
        finite = np.isfinite(from_storage(data, dtype)).ravel()
        inner = finite.reshape(256, 256)
        inner = inner & np.roll(inner, -1, 0) & np.roll(inner, -1, 1) & np.roll(np.roll(inner, -1, 0), -1, 1)
        np.testing.assert_array_equal(from_storage(out, dtype)[0, 0][inner], from_storage(data, dtype)[0, 0][inner])
