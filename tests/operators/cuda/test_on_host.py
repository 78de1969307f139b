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


def marked(case):
    return pytest.param(case, id=f"{case.operator}-{case.name}")


CASES = [case for case in all_cases()]


def round_inputs(case, inputs, dtype):
    return {name: from_storage(to_storage(values, dtype), dtype) for name, values in inputs.items()}


def wanted(case, boundary, dtype, offsets):
    if dtype in ("float32", "float64"):
        return expected(case, boundary, offsets)
    case = case.at(boundary)
    inputs = round_inputs(case, draw.inputs(case, offsets), dtype)
    out_grad = from_storage(to_storage(draw.out_grad(case), dtype), dtype)
    return (inputs, out_grad, *reference(case, inputs, out_grad))


def check(host_library, case, boundary, dtype, offsets=draw.between_lines, deterministic=False):
    inputs, out_grad, want, want_grads = wanted(case, boundary, dtype, offsets)
    operator = CudaOperator(host_library, case.operator, dtype, **case.at(boundary).attributes)
    arrays = [to_storage(values, dtype) for values in inputs.values()]
    out = to_storage(np.full(want.shape, np.nan), dtype)
    operator.forward(*arrays, out=out)
    close(out, want, dtype, f"{case}: output")
    grads = [to_storage(np.full(g.shape, np.nan), dtype) for g in want_grads.values()]
    reqs = ["write"] * len(grads)
    operator.backward(
        to_storage(out_grad, dtype), *arrays, grads=grads, reqs=reqs, deterministic=deterministic
    )
    for (name, gradient), got in zip(want_grads.items(), grads):
        close(got, gradient, dtype, f"{case}: gradient of {name}")


def close(got, want, dtype, what):
    assert_close(from_storage(got, dtype), want, f"{what} ({dtype})", TOLERANCES[dtype])


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("case", map(marked, CASES))
def test_equals_reference(host_library, case, boundary, dtype, deterministic):
    check(host_library, case, boundary, dtype, deterministic=deterministic)
