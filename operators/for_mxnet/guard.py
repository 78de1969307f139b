# SPDX-License-Identifier: Apache-2.0
"""The oneDNN guard.

MXNet 1.9.1 hands a custom operator an array that is in oneDNN's blocked layout (what a stock Convolution leaves behind)
as a pointer to a temporary copy, which may be gone when the operator runs in its own thread. What comes out of a
multiplication by 1 is never in that layout, and neither is the gradient that comes back through it; the values are the
same, NaN included, and shapes and dtypes are inferred through it in both directions (through ``slice_axis``, which
guards as well, they are not: no weight shape could be deferred). ``identity`` and ``reshape`` keep the layout, and so
does the gradient of an addition of 0. The tests of real neighbours fail without the guard.
"""

from __future__ import annotations

import mxnet as mx


def guarded_array(array, out=None):
    return mx.nd._internal._mul_scalar(array, scalar=1.0, out=out)


def guarded_symbol(symbol, name: str, hints: dict):
    return mx.sym._internal._mul_scalar(symbol, scalar=1.0, name=name, attr=hints)
