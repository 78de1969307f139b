# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the CUDA kernels, run on the host, against the rooms' references. What only a device shows (races,
launches, cuBLAS) is not tested here."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from device_arrays import CudaOperator, from_storage, to_storage

from operators import library
from operators.checks import draw
from operators.checks.agreement import expected
from operators.checks.backends import reference
from operators.checks.tolerance import TOLERANCE, assert_close
from operators.rooms import ROOMS

# A product's sum is rounded once, a column's elements once each, and so are the inputs: against the reference on the
# rounded inputs a few units of 2^-11 and 2^-8 are left.
TOLERANCES = {**TOLERANCE, "float16": 4e-3, "bfloat16": 3e-2}
DTYPES = list(TOLERANCES)
BOUNDARIES = ["zero", "inside", "border"]


def all_cases() -> list:
    modules = [importlib.import_module(f"operators.{room}.cases") for room in ROOMS]
    return [case for m in modules for key in sorted(vars(m)) if key.endswith("CASES") for case in getattr(m, key)]


def boundaries_of(case) -> list:
    return BOUNDARIES if "boundary" in library.descriptions()[case.operator].attributes else [""]


CASES = [(case, boundary) for case in all_cases() for boundary in boundaries_of(case)]
at_cases = pytest.mark.parametrize(
    ("case", "boundary"), [pytest.param(*pair, id=f"{pair[0].operator}, {pair[0].name} {pair[1]}") for pair in CASES]
)


def wanted(case, boundary, dtype, offsets):
    """Inputs, output gradient, output and gradients, all float64 and, but for rounding, in that dtype."""
    if dtype in ("float32", "float64"):
        return expected(case, boundary, offsets)
    case = case.at(boundary)
    inputs = {name: rounded(values, dtype) for name, values in draw.inputs(case, offsets).items()}
    if "rois" in inputs:  # in whose dtype the reference computes coordinates: that of the kernels
        inputs["rois"] = inputs["rois"].astype(np.float32)
    out_grad = rounded(draw.out_grad(case), dtype)
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


def check(lib, case, boundary, dtype, offsets=draw.between_lines, deterministic=False):
    inputs, out_grad, want, want_grads = wanted(case, boundary, dtype, offsets)
    case = case.at(boundary)
    out, grads = run(lib, case, dtype, inputs, out_grad, want, want_grads, deterministic)
    close(out, want, dtype, f"{case}: output")
    for (name, gradient), got in zip(want_grads.items(), grads):
        close(got, gradient, dtype, f"{case}: gradient of {name}")


def close(got, want, dtype, what):
    assert_close(from_storage(got, dtype), want, f"{what} ({dtype})", TOLERANCES[dtype])


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@at_cases
def test_equals_reference(host_library, case, boundary, dtype, deterministic):
    check(host_library, case, boundary, dtype, deterministic=deterministic)
