# SPDX-License-Identifier: Apache-2.0
"""The networks of a system: one module each, in its package `symbols`, called as cfg.symbol calls them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Collection
from types import ModuleType

import mxnet as mx

from lib.run.rules import Rule


def names(package: ModuleType, shared: Collection[str]) -> list[str]:
    """The values that cfg.symbol may take. shared: modules of the package that are no network."""
    return sorted(each.name for each in pkgutil.iter_modules(package.__path__) if each.name not in shared)


def network(package: ModuleType, name: str, shared: Collection[str]) -> ModuleType:
    """The module of a network. Raises ValueError for an unknown name, with the nearest one."""
    known = names(package, shared)
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
        place = package.__name__.replace(".", "/")
        raise ValueError(f"symbol: no network {name!r} in {place}; did you mean {near[0]!r}? known: {', '.join(known)}")
    return importlib.import_module(f"{package.__name__}.{name}")


def say_rates(symbol: mx.sym.Symbol, rules: dict[str, Rule]) -> None:
    """Writes learning-rate multipliers on the variables, as `__lr_mult__`, which Module and the saved JSON keep."""
    variables, parameters = symbol.get_internals(), symbol.list_arguments()
    for name, rule in rules.items():
        if rule.lr_mult != 1 and name in parameters:
            variables[name]._set_attr(__lr_mult__=str(rule.lr_mult))
