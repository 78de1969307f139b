# SPDX-License-Identifier: Apache-2.0
"""The operators in PyTorch, one file for each room. A file has

__all__ : its public functions and modules, which are those of operators.for_torch
OPERATIONS : its torch operators
MXNET : name of an operator in the library -> f(attributes, **tensors by the library's input names)
"""

from __future__ import annotations

import importlib

from operators.rooms import ROOMS

MODULES = {room: importlib.import_module(f"operators.for_torch.ops.{room}") for room in ROOMS}
OPERATIONS = {operation.name: operation for module in MODULES.values() for operation in module.OPERATIONS}
