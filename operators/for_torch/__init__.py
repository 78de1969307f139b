# SPDX-License-Identifier: Apache-2.0
"""The operators in PyTorch: functions, modules and parameter groups (docs/pytorch.md)."""

from operators.for_torch.convolution_modules import ActiveConv2d, DeformConv2d, ModulatedDeformConv2d, Shift
from operators.for_torch.functional import active_conv2d, deform_conv2d, deform_ps_roi_pool, ps_roi_pool, shift2d
from operators.for_torch.learning_rates import param_groups
from operators.for_torch.pooling_modules import DeformPSRoIPool, PSRoIPool

__all__ = [
    "ActiveConv2d",
    "DeformConv2d",
    "DeformPSRoIPool",
    "ModulatedDeformConv2d",
    "PSRoIPool",
    "Shift",
    "active_conv2d",
    "deform_conv2d",
    "deform_ps_roi_pool",
    "param_groups",
    "ps_roi_pool",
    "shift2d",
]
