# SPDX-License-Identifier: Apache-2.0
"""Makes the functions of sym.py."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable

from operators import library
from operators.for_mxnet import registry  # noqa: F401  (loads MXNet with its settings)
from operators.for_mxnet.arguments import sort_arguments
from operators.for_mxnet.guard import UNGUARDED, guard_name, guarded_data_symbol, guarded_parameter_symbol
from operators.for_mxnet.initial import initial_value

import mxnet as mx  # isort: skip


def _current(manager: Any):
    if not hasattr(manager._current, "value"):  # the first use in this thread
        manager._current.value = manager()
    return manager._current.value


@contextmanager
def fresh(manager: Any):
    """Names and hints that are final must not meet an outer prefix or scope again."""
    outer = _current(manager)
    manager._current.value = manager()
    try:
        yield
    finally:
        manager._current.value = outer


def _say_initial_value(symbol, value: str | None):
    """To a variable that does not say itself what it starts with, as MXNet does where its operators need it."""
    if value and symbol.get_children() is None and symbol.attr("__init__") is None:
        symbol._set_attr(__init__=value)


def symbolic(description: library.Description, module: str) -> Callable:
    """The operator as a function on Symbols, with the signature stock MXNet would give it.

    module : the name of the module that it will be in
    """

    def function(*args, name=None, attr=None, **kwargs):
        kwargs.pop("out", None)  # stock symbol functions take and ignore it
        name = _current(mx.name.NameManager).get(name, description.name.lower())
        kwargs.update(_current(mx.AttrScope).get(attr))
        call = sort_arguments(description, name, mx.sym.Symbol, args, kwargs)
        hints = call.hints  # stock MXNet passes a node's hints on to the variables it creates for it
        with fresh(mx.name.NameManager), fresh(mx.AttrScope):
            symbols: list = []
            for key in call.inputs:
                symbol = call.arrays.get(key)
                if symbol is None:
                    symbol = mx.sym.var(f"{name}_{key}", attr=hints)
                _say_initial_value(symbol, initial_value(description.name, key))
                guarded = guarded_parameter_symbol if symbols else guarded_data_symbol
                symbols.append(symbol if key in UNGUARDED else guarded(symbol, guard_name(name, key), hints))
            raw = mx.sym.Custom(*symbols, op_type=description.name, name=name, attr=hints, **call.attributes)
            return guarded_data_symbol(raw, name, hints)

    function.__name__ = function.__qualname__ = description.name
    function.__module__ = module
    function.__doc__ = description.docstring("Symbol")
    return function
