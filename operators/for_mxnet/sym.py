# SPDX-License-Identifier: Apache-2.0
"""Symbol functions, one per operator, with the signature stock MXNet would give it."""

from __future__ import annotations

from contextlib import contextmanager

from operators import library
from operators.for_mxnet import registry  # noqa: F401  (loads MXNet with its settings)
from operators.for_mxnet.arguments import sort_arguments
from operators.for_mxnet.guard import guarded_data_symbol, guarded_parameter_symbol

import mxnet as mx  # isort: skip


def _current(manager: type):
    if not hasattr(manager._current, "value"):  # the first use in this thread
        manager._current.value = manager()
    return manager._current.value


@contextmanager
def _fresh(manager: type):
    """Names and hints that are final must not meet an outer prefix or scope again."""
    outer = _current(manager)
    manager._current.value = manager()
    try:
        yield
    finally:
        manager._current.value = outer


def _make(description: library.Description):
    def function(*args, name=None, attr=None, **kwargs):
        kwargs.pop("out", None)  # stock symbol functions take and ignore it
        name = _current(mx.name.NameManager).get(name, description.name.lower())
        kwargs.update(_current(mx.AttrScope).get(attr))
        call = sort_arguments(description, name, mx.sym.Symbol, args, kwargs)
        hints = call.hints  # stock MXNet passes a node's hints on to the variables it creates for it
        with _fresh(mx.name.NameManager), _fresh(mx.AttrScope):
            symbols = []
            for key in call.inputs:
                given = call.arrays.get(key)
                symbol = mx.sym.var(f"{name}_{key}", attr=hints) if given is None else given
                guarded = guarded_parameter_symbol if symbols else guarded_data_symbol
                symbols.append(guarded(symbol, f"{name}_{key}_guard", hints))
            raw = mx.sym.Custom(*symbols, op_type=description.name, name=name, attr=hints, **call.attributes)
            return guarded_data_symbol(raw, name, hints)

    function.__name__ = function.__qualname__ = description.name
    function.__doc__ = description.docstring("Symbol")
    return function


globals().update({name: _make(description) for name, description in library.descriptions().items()})
__all__ = list(library.descriptions())
