# SPDX-License-Identifier: Apache-2.0
"""The sizes at which the two deformable convolutions are tested."""

from __future__ import annotations

from operators.checks.conv_cases import conv_cases

CASES = conv_cases("DeformableConvolution")
MODULATED_CASES = conv_cases("ModulatedDeformableConvolution")
