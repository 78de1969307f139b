# SPDX-License-Identifier: Apache-2.0
"""Which operators stock MXNet has as well, and the arguments it gives them."""

from __future__ import annotations

import inspect

from operators import library
from operators.for_mxnet import registry  # noqa: F401  (loads MXNet with its settings)

import mxnet as mx  # isort: skip

PREFIX = "_contrib_"  # of their names in graph files


def _arguments_of_stock() -> dict:
    both = (name for name in library.descriptions() if hasattr(mx.sym.contrib, name))
    return {name: frozenset(inspect.signature(getattr(mx.sym.contrib, name)).parameters) for name in both}


STOCK = _arguments_of_stock()  # operator -> names of arguments; read before `install` can replace MXNet's functions
