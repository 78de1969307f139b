# SPDX-License-Identifier: Apache-2.0
"""The only place where lib, on PyTorch, reaches the operators."""

from __future__ import annotations

from operators import __version__ as version
from operators import instruction_set, num_threads, set_num_threads
from operators.for_torch import DeformConv2d, dynamic_filter2d
from operators.for_torch.symbol_net import SymbolNet, infer_shapes
from operators.for_torch.symbols.attributes import word
from operators.for_torch.symbols.operator import operator

__all__ = [
    "DeformConv2d",
    "SymbolNet",
    "dynamic_filter2d",
    "infer_shapes",
    "instruction_set",
    "num_threads",
    "operator",
    "set_num_threads",
    "version",
    "word",
]
