# SPDX-License-Identifier: Apache-2.0
"""Tests at the edges: points on lattice lines and outside the map, values no healthy run has, odd batches, and what
each result is asked for."""

from __future__ import annotations

import numpy as np

from operators.checks import backends, catalogue
from operators.checks.agreement import cast, check, expected
from operators.checks.guards import Guarded
from operators.checks.inputs import on_lines, special
from operators.checks.tolerance import assert_close, assert_same_bits
from operators.for_numpy import Operator

GUARD = 12345.0


class EdgeTests:
    """Part of OperatorTester."""

    def test_points_on_and_beside_lattice_lines(self, case, boundary, dtype):
        check(backends.for_numpy, case, boundary, dtype, on_lines)

    def test_nan_infinite_and_huge_offsets(self, case, boundary, dtype):
        """NaN shows in the output and the offset gradient, never in the data gradient; the rest is outside the map."""
        check(backends.for_numpy, case, boundary, dtype, special)
        _, _, _, gradients = expected(case, boundary, special)
        assert np.isfinite(gradients["data"]).all()

    def test_nothing_outside_the_arrays_is_read_or_written(self, case, boundary, dtype):
        inputs, out_grad, want, want_grads = expected(case, boundary, special)
        case = case.at(boundary)
        operator = Operator(case.operator, **case.attributes)
        arrays = [Guarded(values, np.nan).array for values in cast(inputs, dtype).values()]
        head = Guarded(out_grad.astype(dtype), np.nan).array
        out = Guarded(np.full(want.shape, np.nan, dtype), GUARD)
        grads = {name: Guarded(np.full(g.shape, np.nan, dtype), GUARD) for name, g in want_grads.items()}
        operator.forward(*arrays, out=out.array)
        operator.backward(head, *arrays, grads=[g.array for g in grads.values()])
        out.assert_untouched(f"{case}: output")
        assert_close(out.array, want, f"{case}: output")
        for name, gradient in grads.items():
            gradient.assert_untouched(f"{case}: gradient of {name}")
            assert_close(gradient.array, want_grads[name], f"{case}: gradient of {name}")

    def test_empty_batch(self, case, boundary, dtype):
        check(backends.for_numpy, case.with_batch(0), boundary, dtype)

    def test_batch_of_65(self, small_case, boundary, dtype):
        check(backends.for_numpy, small_case.with_batch(65), boundary, dtype)

    def test_null_write_and_add(self, case, boundary, dtype):
        """write ignores what was there, add keeps it, null touches nothing; each gradient alone is the same."""
        inputs, out_grad, want, want_grads = expected(case, boundary)
        case = case.at(boundary)
        operator = Operator(case.operator, **case.attributes)
        arrays, head = list(cast(inputs, dtype).values()), out_grad.astype(dtype)

        before = np.full(want.shape, 2, dtype)
        assert_close(operator.forward(*arrays, out=before.copy(), req="add"), want + 2, f"{case}: output, add")
        assert_same_bits(operator.forward(*arrays, out=before.copy(), req="null"), before, f"{case}: output, null")
        garbage = np.full(want.shape, np.nan, dtype)
        assert_close(operator.forward(*arrays, out=garbage), want, f"{case}: output, write")

        for i, (name, gradient) in enumerate(want_grads.items()):
            for req, start, result in (("write", np.nan, gradient), ("add", 2, gradient + 2)):
                reqs, grads = ["null"] * len(arrays), [None] * len(arrays)
                reqs[i], grads[i] = req, np.full(gradient.shape, start, dtype)
                got = operator.backward(head, *arrays, req=reqs, grads=grads)
                assert_close(got[i], result, f"{case}: gradient of {name} alone, {req}")
                assert all(g is None for j, g in enumerate(got) if j != i)
        grads = [np.full(g.shape, 2, dtype) for g in want_grads.values()]
        operator.backward(head, *arrays, req="add", grads=grads)
        for (name, gradient), got in zip(want_grads.items(), grads):
            assert_close(got, gradient + 2, f"{case}: gradient of {name}, add")

    def test_inputs_may_share_memory_and_be_views(self, case, boundary, dtype):
        """All inputs read one buffer; then each is a strided, read-only view. The same bits as with separate arrays."""
        inputs, out_grad, *_ = expected(case, boundary)
        case = case.at(boundary)
        operator = Operator(case.operator, **case.attributes)
        # All read the numbers of the first input that takes no others, if there is such a one.
        one = inputs[next(iter(catalogue.drawers_of(case.operator)), "data")]
        pool = np.resize(one, max(values.size for values in inputs.values())).astype(dtype)
        shared = [pool[: values.size].reshape(values.shape) for values in inputs.values()]
        views = []
        for array in shared:
            spread = np.repeat(array.copy(), 2, axis=-1)[..., ::2]
            spread.flags.writeable = False
            views.append(spread)
        head = out_grad.astype(dtype)
        apart = [array.copy() for array in shared]
        for arrays in (shared, views):
            assert_same_bits(operator.forward(*arrays), operator.forward(*apart), f"{case}: output")
            for got, want in zip(operator.backward(head, *arrays), operator.backward(head, *apart)):
                assert_same_bits(got, want, f"{case}: gradient")
