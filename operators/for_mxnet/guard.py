# SPDX-License-Identifier: Apache-2.0
"""The oneDNN guard, which every input and the output of an operator passes.

MXNet 1.9.1 hands a custom operator an array that is in oneDNN's blocked layout (what a stock Convolution leaves behind)
as a pointer to a temporary copy, which may be gone when the operator runs in its own thread. What comes out of a clip
is never in that layout, and neither is the gradient that comes back through it. Clipping to [-inf, inf] keeps every
value, NaN included, and shapes and dtypes are inferred through it in both directions.

The gradient of a clip overwrites where it should add, so each input passes an identity first: its gradient adds, in a
graph it costs nothing, and the clip's gradient is left with one reader, into which it always writes.

Simpler ones fail: ``identity``, ``reshape`` and arithmetic with a constant may be done in place by a graph, and then
keep the layout; through ``slice_axis``, which guards as well, the shape of a weight cannot be inferred.
"""

from __future__ import annotations

import mxnet as mx

_WHOLE_LINE = {"a_min": -float("inf"), "a_max": float("inf")}


def guarded_input(array):
    return mx.nd.clip(mx.nd.identity(array), **_WHOLE_LINE)


def guarded_output(array, out=None):
    return mx.nd.clip(array, **_WHOLE_LINE, out=out)


def guarded_input_symbol(symbol, name: str, hints: dict):
    same = mx.sym.identity(symbol, name=f"{name}_same", attr=hints)
    return mx.sym.clip(same, **_WHOLE_LINE, name=f"{name}_guard", attr=hints)


def guarded_output_symbol(symbol, name: str, hints: dict):
    return mx.sym.clip(symbol, **_WHOLE_LINE, name=name, attr=hints)
