# SPDX-License-Identifier: Apache-2.0
"""The functions under the names, inputs, attributes and defaults that the operators have in MXNet."""

from __future__ import annotations

from operators.for_torch.ops import MODULES

_FUNCTIONS = {name: function for module in MODULES.values() for name, function in module.MXNET.items()}


def call(operator: str, attributes: dict, tensors: dict):
    """An operator by its public name, with attributes as Python values and tensors by the library's input names."""
    return _FUNCTIONS[operator](attributes, **tensors)


def names() -> set:
    return set(_FUNCTIONS)
