# SPDX-License-Identifier: Apache-2.0
"""The oneDNN guard, which every input but a bias, and the output of an operator pass.

MXNet 1.9.1 hands a custom operator an array that is in oneDNN's blocked layout (what a stock Convolution leaves behind)
as a pointer to a temporary copy, which may be gone when the operator runs in its own thread. What comes out of a whole
``slice_axis`` is never in that layout, and neither is the gradient that comes back through it. A bias is one line of
numbers, for which there is one layout only; and ``mx.viz.print_summary`` fails at nodes with such an output.

In a graph the shape of a parameter must be found from the operator's side, and ``slice_axis`` infers none backwards.
There, all inputs but the first pass ``clip`` to [-inf, inf], which keeps every value, NaN included, and infers shapes
both ways. Its gradient overwrites where it should add, so an identity stands before it: its gradient adds, in a graph
it costs nothing, and the clip's gradient is left with one reader, into which it always writes.

What they are called: `<node>_<input>_guard`, and `<node>_<input>_guard_same` for the identity; the node itself is
`<node>` twice, the custom operator with the output `<node>_raw`, and the guard of its output.

Simpler ones fail: ``identity``, ``reshape`` and arithmetic with a constant may be done in place by a graph, and then
keep the layout.
"""

from __future__ import annotations

import mxnet as mx

_WHOLE: dict = {"axis": 0, "begin": 0, "end": None}
_WHOLE_LINE: dict = {"a_min": -float("inf"), "a_max": float("inf")}
_GUARD, _SAME = "_guard", "_same"
UNGUARDED = ("bias",)  # inputs of one dimension


def guarded_array(array, out=None):
    """An input or the output of a call on NDArrays."""
    return mx.nd.slice_axis(array, out=out, **_WHOLE)


def guarded_data_symbol(symbol, name: str, hints: dict):
    """The first input, or the output, of a node: its shape is known before the operator's."""
    return mx.sym.slice_axis(symbol, name=name, attr=hints, **_WHOLE)


def guarded_parameter_symbol(symbol, name: str, hints: dict):
    """Any other input of a node: its shape may have to be inferred from the operator."""
    same = mx.sym.identity(symbol, name=name + _SAME, attr=hints)
    return mx.sym.clip(same, **_WHOLE_LINE, name=name, attr=hints)


def guard_name(node: str, given: str) -> str:
    """What the guard of an input of a node is called."""
    return f"{node}_{given}{_GUARD}"


def guard_names(node: str, inputs: tuple) -> set:
    """The names that guards of these inputs of a node may have."""
    return {guard_name(node, given) + end for given in inputs for end in ("", _SAME)}


def is_guard(node: dict) -> bool:
    """Whether a node of a graph's JSON guards an input."""
    if node["op"] in ("slice_axis", "clip"):
        return node["name"].endswith(_GUARD) and _keeps_all(node)
    return node["op"] in ("identity", "_copy") and node["name"].endswith(_GUARD + _SAME)


def is_output_guard(node: dict) -> bool:
    """Whether it may guard an output: it does if it reads one of our operators of the same name."""
    return node["op"] == "slice_axis" and _keeps_all(node)


def _keeps_all(node: dict) -> bool:
    whole = _WHOLE if node["op"] == "slice_axis" else _WHOLE_LINE
    attributes = node.get("attrs", {})
    return all(attributes.get(key) == str(value) for key, value in whole.items())
