# SPDX-License-Identifier: Apache-2.0
"""The only door from the Symbol networks to the operator library."""

from __future__ import annotations

from operators import __version__ as version
from operators import instruction_set, num_threads
from operators.for_mxnet import sym
from operators.library import descriptions

__all__ = [
    "ActiveConvolution",
    "DeformableConvolution",
    "DeformablePSROIPooling",
    "DynamicFilter",
    "ModulatedDeformableConvolution",
    "PSROIPooling",
    "instruction_set",
    "num_threads",
    "version",
]

ActiveConvolution = sym.ActiveConvolution
DeformableConvolution = sym.DeformableConvolution
DeformablePSROIPooling = sym.DeformablePSROIPooling
DynamicFilter = sym.DynamicFilter
ModulatedDeformableConvolution = sym.ModulatedDeformableConvolution
PSROIPooling = sym.PSROIPooling


def default_of(operator: str, attribute: str) -> str:
    """The value, as text, that an attribute has where it is not given. Raises KeyError for an unknown one."""
    return descriptions()[operator].attributes[attribute]["default"]
