# SPDX-License-Identifier: Apache-2.0
"""Symbol functions, one per operator, with the signature stock MXNet would give it."""

from __future__ import annotations

from operators import library
from operators.for_mxnet import registry  # noqa: F401  (loads MXNet with its settings)
from operators.for_mxnet.arguments import hints_of, sort_arguments
from operators.for_mxnet.guard import guarded_symbol

import mxnet as mx  # isort: skip


def _make(description: library.Description):
    def function(*args, name=None, attr=None, **kwargs):
        kwargs.pop("out", None)  # stock symbol functions take and ignore it
        name = mx.name.NameManager.current.get(name, description.name.lower())
        call = sort_arguments(description, name, mx.sym.Symbol, args, kwargs)
        # Stock MXNet passes a node's hints on to the variables it creates for it.
        hints = {**hints_of(mx.AttrScope.current.get(attr) or {}), **call.hints}
        with mx.name.NameManager():  # the name is final: an outer prefix must not be added again
            symbols = []
            for key in call.inputs:
                given = call.arrays.get(key)
                symbol = mx.sym.var(f"{name}_{key}", attr=hints) if given is None else given
                symbols.append(guarded_symbol(symbol, f"{name}_{key}_guard", hints))
            raw = mx.sym.Custom(*symbols, op_type=description.name, name=name, attr=hints, **call.attributes)
            return guarded_symbol(raw, name, hints)

    function.__name__ = function.__qualname__ = description.name
    function.__doc__ = description.docstring("Symbol")
    return function


globals().update({name: _make(description) for name, description in library.descriptions().items()})
__all__ = list(library.descriptions())
