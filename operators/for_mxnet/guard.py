# SPDX-License-Identifier: Apache-2.0
"""The oneDNN guard, which every input and the output of an operator passes.

MXNet 1.9.1 hands a custom operator an array that is in oneDNN's blocked layout (what a stock Convolution leaves behind)
as a pointer to a temporary copy, which may be gone when the operator runs in its own thread. What comes out of a whole
``slice_axis`` is never in that layout, and neither is the gradient that comes back through it.

In a graph the shape of a parameter must be found from the operator's side, and ``slice_axis`` infers none backwards.
There, all inputs but the first pass ``clip`` to [-inf, inf], which keeps every value, NaN included, and infers shapes
both ways. Its gradient overwrites where it should add, so an identity stands before it: its gradient adds, in a graph
it costs nothing, and the clip's gradient is left with one reader, into which it always writes.

Simpler ones fail: ``identity``, ``reshape`` and arithmetic with a constant may be done in place by a graph, and then
keep the layout.
"""

from __future__ import annotations

import mxnet as mx

_WHOLE = {"axis": 0, "begin": 0, "end": None}
_WHOLE_LINE = {"a_min": -float("inf"), "a_max": float("inf")}


def guarded_array(array, out=None):
    """An input or the output of a call on NDArrays."""
    return mx.nd.slice_axis(array, out=out, **_WHOLE)


def guarded_data_symbol(symbol, name: str, hints: dict):
    """The first input, or the output, of a node: its shape is known before the operator's."""
    return mx.sym.slice_axis(symbol, name=name, attr=hints, **_WHOLE)


def guarded_parameter_symbol(symbol, name: str, hints: dict):
    """Any other input of a node: its shape may have to be inferred from the operator."""
    same = mx.sym.identity(symbol, name=f"{name}_same", attr=hints)
    return mx.sym.clip(same, **_WHOLE_LINE, name=name, attr=hints)
