# SPDX-License-Identifier: Apache-2.0
"""Makes the functions of nd.py."""

from __future__ import annotations

from typing import Callable

from operators import library
from operators.for_mxnet import registry  # noqa: F401  (loads MXNet with its settings)
from operators.for_mxnet.arguments import sort_arguments
from operators.for_mxnet.guard import UNGUARDED, guarded_array

import mxnet as mx  # isort: skip
from mxnet.base import MXNetError  # isort: skip


def imperative(description: library.Description, module: str) -> Callable:
    """The operator as a function on NDArrays, with the signature stock MXNet would give it.

    module : the name of the module that it will be in
    """

    def function(*args, name=None, out=None, **kwargs):
        node = name or description.name.lower()
        call = sort_arguments(description, node, mx.nd.NDArray, args, kwargs)
        missing = [i for i in call.inputs if i not in call.arrays]
        if missing:
            raise MXNetError(f"Error in operator {node}: {description.name}: {', '.join(missing)} is missing")
        arrays = [call.arrays[i] if i in UNGUARDED else guarded_array(call.arrays[i]) for i in call.inputs]
        try:
            raw = mx.nd.Custom(*arrays, op_type=description.name, **call.attributes)
        except MXNetError as error:  # it knows no node
            raise MXNetError(f"Error in operator {node}: {error}") from None
        return guarded_array(raw, out=out)

    function.__name__ = function.__qualname__ = description.name
    function.__module__ = module
    function.__doc__ = description.docstring("NDArray")
    return function
