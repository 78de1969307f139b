# SPDX-License-Identifier: Apache-2.0
"""The only door from deeplab to the operator library."""

from __future__ import annotations

from operators import __version__ as version
from operators import instruction_set, num_threads
from operators.for_mxnet import sym

__all__ = [
    "ActiveConvolution",
    "DeformableConvolution",
    "ModulatedDeformableConvolution",
    "instruction_set",
    "num_threads",
    "version",
]

ActiveConvolution = sym.ActiveConvolution
DeformableConvolution = sym.DeformableConvolution
ModulatedDeformableConvolution = sym.ModulatedDeformableConvolution
