# SPDX-License-Identifier: Apache-2.0
"""The operators in PyTorch: functions, modules and parameter groups (docs/pytorch.md).

CPU: float32 and float64. CUDA: float16 and bfloat16 as well, with coordinates and sums in float32. All tensors of a
call share one dtype and device; any strides are taken, results are contiguous. Wrong arguments raise OperatorError
before anything is computed. What each computes stands in its room's README.md under operators/.
"""

from operators.for_torch.learning_rates import param_groups as param_groups
from operators.for_torch.ops import MODULES

globals().update({name: getattr(module, name) for module in MODULES.values() for name in module.__all__})
__all__ = sorted([*(name for module in MODULES.values() for name in module.__all__), "param_groups"])
