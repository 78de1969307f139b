# SPDX-License-Identifier: Apache-2.0
"""Tests that threads, callers and memory do not decide results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from operators import library
from operators.checks import backends
from operators.checks.agreement import cast, check, expected
from operators.checks.tolerance import assert_same_bits

SMALLEST_WORKSPACE = 1 << 20


def _run(case, boundary, dtype):
    inputs, out_grad, *_ = expected(case, boundary)
    out, grads = backends.for_numpy(case.at(boundary), cast(inputs, dtype), out_grad.astype(dtype))
    return {"output": out, **grads}


def _assert_same(got: dict, want: dict, what: str):
    for name, array in got.items():
        assert_same_bits(array, want[name], f"{what}: {name}")


class SchedulingTests:
    """Part of OperatorTester."""

    @pytest.fixture(autouse=True)
    def restored_settings(self):
        workspace = library.workspace_bytes()
        yield
        library.set_num_threads(0)
        library.set_workspace_bytes(workspace)

    def test_same_bits_for_any_number_of_threads(self, busy_case, boundary, dtype):
        library.set_num_threads(1)
        want = _run(busy_case, boundary, dtype)
        for count in (2, 3, 5, 8):
            library.set_num_threads(count)
            _assert_same(_run(busy_case, boundary, dtype), want, f"{busy_case}, {count} threads")

    def test_two_calls_at_once(self, busy_case, boundary):
        """Two Python threads, each with its own dtype, over and over; the kernels release the GIL."""
        library.set_num_threads(3)
        want = {dtype: _run(busy_case, boundary, dtype) for dtype in ("float32", "float64")}
        with ThreadPoolExecutor(2) as pool:
            for _ in range(3):
                results = pool.map(lambda dtype: (dtype, _run(busy_case, boundary, dtype)), want)
                for dtype, got in results:
                    _assert_same(got, want[dtype], f"{busy_case}, {dtype} beside another call")

    def test_smallest_workspace(self, busy_case, boundary, dtype):
        """A small workspace cuts the work into slabs of positions and waves of images; sums are split, no more."""
        library.set_workspace_bytes(SMALLEST_WORKSPACE)
        check(backends.for_numpy, busy_case, boundary, dtype)
        want = _run(busy_case, boundary, dtype)
        library.set_num_threads(5)
        _assert_same(_run(busy_case, boundary, dtype), want, f"{busy_case}, small workspace, 5 threads")
