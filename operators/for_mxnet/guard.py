# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import mxnet as mx

_WHOLE_LINE = {"a_min": -float("inf"), "a_max": float("inf")}
KIND = os.environ.get("KIND", "mul")

def _first(m, x):
    return m.identity(x) if KIND == "identity" else m._internal._mul_scalar(x, scalar=1.0)

def guarded_input(array):
    if KIND == "only":
        return mx.nd._internal._mul_scalar(array, scalar=1.0)
    return mx.nd.clip(_first(mx.nd, array), **_WHOLE_LINE)

def guarded_output(array, out=None):
    return mx.nd.clip(array, **_WHOLE_LINE, out=out)


def guarded_symbol_input(symbol, name: str, hints: dict):
    if KIND == "only":
        return mx.sym._internal._mul_scalar(symbol, scalar=1.0, name=name)
    return mx.sym.clip(_first(mx.sym, symbol), **_WHOLE_LINE, name=name, attr=hints)


def guarded_symbol_output(symbol, name: str, hints: dict):
    return mx.sym.clip(symbol, **_WHOLE_LINE, name=name, attr=hints)
