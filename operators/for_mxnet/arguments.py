# SPDX-License-Identifier: Apache-2.0
"""Sorts the arguments of a call, as stock MXNet would take them, into arrays, attributes and scheduling hints."""

from __future__ import annotations

from dataclasses import dataclass

import mxnet as mx
from mxnet.base import MXNetError, _Null

from operators import library
from operators.for_mxnet.stock_names import STOCK

# What MXNet itself treats as hints, with or without underscores.
HINTS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
# mx.np arrays are NDArrays to Python, but no classic operator takes them; nor mx.sym.np symbols.
_NUMPY_TYPES = (mx.np.ndarray, mx.sym.numpy._Symbol)
_PAIR = "a pair of integers (y, x)"  # as a description says it


@dataclass
class Call:
    inputs: tuple  # names, for the given attributes
    arrays: dict  # name -> array, only those that were given
    attributes: dict  # name -> text
    hints: dict  # "__name__" -> text


def is_hint(key: str) -> bool:
    """Whether a node's attribute is one of MXNet's hints, as graph files hold them."""
    return key.startswith("__") and key.endswith("__") and len(key) > 4


def _hint(key: str) -> str | None:
    if key in HINTS:
        return f"__{key}__"
    return key if is_hint(key) else None


def _numbers(text: str) -> list:
    inner = text.strip().strip("()[]").strip().rstrip(",")
    return [number.strip() for number in inner.split(",")] if inner else []


def _attributes(description: library.Description, given: dict) -> dict:
    """The texts of the attributes. Pairs may have MXNet's other forms: () is the default, and of its own operators'
    pairs it reads the first two numbers and no more."""
    texts = {key: library.attribute_text(value) for key, value in given.items()}
    for key, info in description.attributes.items():
        if key not in texts or info["type"] != _PAIR or info["required"]:
            continue
        numbers = _numbers(texts[key])
        if not numbers:
            del texts[key]
        elif len(numbers) > 2 and description.name in STOCK:
            texts[key] = f"({numbers[0]}, {numbers[1]})"
    return texts


def sort_arguments(description: library.Description, node: str, array_type: type, args: tuple, kwargs: dict) -> Call:
    """Raises MXNetError naming the node for anything that is not as the operator's description says."""

    def wrong(text: str) -> MXNetError:
        return MXNetError(f"Error in operator {node}: {text}")

    name = description.name
    if len(args) > len(description.inputs):
        raise wrong(
            f"{name}: at most {len(description.inputs)} positional arguments are expected "
            f"({', '.join(description.inputs)}), got {len(args)}; attributes are given by name"
        )
    arrays = dict(zip(description.inputs, args))
    given: dict = {}
    hints = {}
    for key, value in kwargs.items():
        if key in description.inputs:
            if key in arrays:
                raise wrong(f"{name}: {key} was given twice")
            arrays[key] = value
        elif _hint(key):
            hints[_hint(key)] = str(value)
        elif any(key == f"{i}_{h}" for i in description.inputs for h in HINTS):
            which, what = key.split("_", 1)
            raise wrong(f"{name}: {key} is set on the variable: pass {which}=mx.sym.var(..., {what}={value})")
        elif isinstance(value, array_type):
            raise wrong(f"{name}: there is no input '{key}'; the inputs are {', '.join(description.inputs)}")
        elif value is not _Null:
            given[key] = value
    attributes = _attributes(description, given)
    try:
        inputs = library.inputs_for(name, attributes)
    except library.OperatorError as error:
        raise wrong(str(error)) from None
    arrays = {key: value for key, value in arrays.items() if value is not None}
    for key, value in arrays.items():
        if key not in inputs:
            raise wrong(f"{name}: {key} was given, but the attributes say there is none (no_{key}=True)")
        if isinstance(value, _NUMPY_TYPES):
            raise wrong(f"{name}: {key} is of mx.np: give {key}.as_nd_ndarray(); the result has as_np_ndarray()")
        if not isinstance(value, array_type):
            raise wrong(f"{name}: {key} must be of type {array_type.__name__}, got {type(value).__name__}")
    return Call(inputs, arrays, attributes, hints)
