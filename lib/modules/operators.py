# SPDX-License-Identifier: Apache-2.0
"""The only place where lib, on PyTorch, reaches the operators."""

from __future__ import annotations

from operators import __version__ as version
from operators import instruction_set, num_threads, set_num_threads
from operators.for_torch import DeformConv2d
from operators.for_torch.symbol_net import SymbolNet, infer_shapes

__all__ = [
    "DeformConv2d",
    "SymbolNet",
    "infer_shapes",
    "instruction_set",
    "num_threads",
    "set_num_threads",
    "version",
]
