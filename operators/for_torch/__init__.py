# SPDX-License-Identifier: Apache-2.0
"""The operators in PyTorch: functions, modules and parameter groups (docs/pytorch.md).

float64, float32, float16 and bfloat16; the last two with coordinates and sums in float32. All tensors of a call share
one dtype and device; any strides are taken, results are contiguous. Wrong arguments raise OperatorError before anything
is computed. What each computes stands in its room's README.md under operators/. Other libraries' names: `install` and
operators.for_torch.torchvision, operators.for_torch.mmcv.
"""

from typing import TYPE_CHECKING, Any

from operators.for_torch import requirement as _requirement  # noqa: F401, I001  (raises; must come first)
from operators.for_torch.learning_rates import param_groups as param_groups
from operators.for_torch.ops import MODULES
from operators.for_torch.torchvision import install as install
from operators.for_torch.torchvision import uninstall as uninstall

if TYPE_CHECKING:  # names that are found in the rooms' files

    def __getattr__(name: str) -> Any: ...


globals().update({name: getattr(module, name) for module in MODULES.values() for name in module.__all__})
_OTHERS = ("install", "param_groups", "uninstall")
__all__ = sorted([*(name for module in MODULES.values() for name in module.__all__), *_OTHERS])
