# SPDX-License-Identifier: Apache-2.0
"""Sorts the arguments of a call, as stock MXNet would take them, into arrays, attributes and scheduling hints."""

from __future__ import annotations

from dataclasses import dataclass

from mxnet.base import MXNetError, _Null

from operators import library

# What MXNet itself treats as hints, with or without underscores.
HINTS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


@dataclass
class Call:
    inputs: tuple  # names, for the given attributes
    arrays: dict  # name -> array, only those that were given
    attributes: dict  # name -> text
    hints: dict  # "__name__" -> text


def _hint(key: str):
    if key in HINTS:
        return f"__{key}__"
    return key if key.startswith("__") and key.endswith("__") and len(key) > 4 else None


def sort_arguments(description: library.Description, node: str, array_type: type, args: tuple, kwargs: dict) -> Call:
    """Raises MXNetError naming the node for anything that is not as the operator's description says."""

    def wrong(text: str):
        return MXNetError(f"Error in operator {node}: {text}")

    name = description.name
    if len(args) > len(description.inputs):
        raise wrong(
            f"{name}: at most {len(description.inputs)} positional arguments are expected "
            f"({', '.join(description.inputs)}), got {len(args)}; attributes are given by name"
        )
    arrays, attributes = dict(zip(description.inputs, args)), {}
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
            attributes[key] = library.attribute_text(value)
    try:
        inputs = library.inputs_for(name, attributes)
    except library.OperatorError as error:
        raise wrong(str(error)) from None
    arrays = {key: value for key, value in arrays.items() if value is not None}
    for key, value in arrays.items():
        if key not in inputs:
            raise wrong(f"{name}: {key} was given, but the attributes say there is none (no_{key}=True)")
        if not isinstance(value, array_type):
            raise wrong(f"{name}: {key} must be of type {array_type.__name__}, got {type(value).__name__}")
    return Call(inputs, arrays, attributes, hints)
