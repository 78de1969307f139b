# SPDX-License-Identifier: Apache-2.0
"""What a public function is to the rest of torch, and what became of arguments that had other names."""

from __future__ import annotations

import functools
import numbers
import warnings
from typing import Any

import numpy as np
import torch
from torch.overrides import handle_torch_function, has_torch_function

from operators.for_torch.operation import NAMESPACE, REGISTRY
from operators.library import OperatorError

_NUMBERS = (numbers.Real, torch.SymFloat, torch.SymInt, torch.Tensor)
# Of a schema: what fits, and what that is called; sizes are told by `arguments.pair`.
_KINDS: dict[str, tuple[Any, str]] = {
    "Tensor": (torch.Tensor, "a tensor"),
    "Tensor?": ((torch.Tensor, type(None)), "a tensor or None"),
    "str": (str, "a text"),
    "bool": ((bool, int, np.bool_), "True or False"),
    "float": (_NUMBERS, "a number"),
}


def public(schema: str, **old_names):
    """A function of tensors that torch.fx records as it is, and that TorchScript may call.

    schema : its arguments and defaults as torch.library writes them; `torch.ops.active_convnets.<name>_function` is it
    old_names : as in `renamed`
    """

    def decorate(function):
        where = function.__name__
        words = [each.partition("=")[0].split(" ") for each in schema.split(", ")]
        kinds = {name: _KINDS.get(kind, (object, "")) for kind, name in words}

        @functools.wraps(function)
        def call(*args, **kwargs):
            if has_torch_function(args) or (kwargs and has_torch_function(tuple(kwargs.values()))):
                return handle_torch_function(call, (*args, *kwargs.values()), *args, **kwargs)
            if old_names:
                _rename(where, old_names, kwargs)
            for value, (name, (kind, told)) in zip(args, kinds.items()):
                if not isinstance(value, kind):
                    raise _unfit(where, name, told, value)
            for name, value in kwargs.items():
                if name in kinds and not isinstance(value, kinds[name][0]):
                    raise _unfit(where, name, kinds[name][1], value)
            return function(*args, **kwargs)

        name = f"{function.__name__}_function"
        REGISTRY.define(f"{name}({schema}) -> Tensor", tags=torch.Tag.pt2_compliant_tag)
        REGISTRY.impl(name, function, "CompositeImplicitAutograd")
        torch.jit._builtins._register_builtin(call, f"{NAMESPACE}::{name}")
        return call

    return decorate


def _unfit(where: str, name: str, told: str, value) -> OperatorError:
    came = type(value).__name__ if told.startswith("a tensor") else repr(value)
    return OperatorError(f"{where}: {name} must be {told}, got {came}")


def renamed(**names):
    """Takes arguments under their old names too, `old=new`, with a FutureWarning."""

    def decorate(function):
        where = function.__qualname__.split(".")[0]  # a layer, whose __init__ it is

        @functools.wraps(function)
        def call(*args, **kwargs):
            _rename(where, names, kwargs)
            return function(*args, **kwargs)

        return call

    return decorate


def _rename(where: str, names: dict, kwargs: dict) -> None:
    for old, new in names.items():
        if old not in kwargs:
            continue
        if new in kwargs:
            raise OperatorError(f"{where}: {old} is the old name of {new}; both were given")
        warnings.warn(f"{where}: {old} is now called {new}", FutureWarning, stacklevel=3)
        kwargs[new] = kwargs.pop(old)
