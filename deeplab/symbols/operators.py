# SPDX-License-Identifier: Apache-2.0
"""The only door from deeplab to the operator library."""

from __future__ import annotations

from operators.for_mxnet import sym

ActiveConvolution = sym.ActiveConvolution
DeformableConvolution = sym.DeformableConvolution
ModulatedDeformableConvolution = sym.ModulatedDeformableConvolution
