# SPDX-License-Identifier: Apache-2.0
"""MXNet's Correlation: how alike the surroundings of a place in one map and of displaced places in another are.

MXNet compares neither the shapes of its inputs nor its attributes with what it can compute, and reads outside its
memory; here both are refused.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from operators.for_torch.symbols.attributes import flag, integer
from operators.for_torch.symbols.operator import known, operator
from operators.library import OperatorError


@operator(
    "Correlation",
    "data1 data2",
    {
        "kernel_size": integer(1),
        "max_displacement": integer(1),
        "stride1": integer(1),
        "stride2": integer(1),
        "pad_size": integer(0),
        "is_multiply": flag(True),
    },
    shapes=lambda a, shapes: {"data2": shapes["data1"]},
)
def _correlation(a):
    """Two maps (N, C, H, W) -> (N, D * D, h, w), D = 2 * (max_displacement // stride2) + 1; channel dy * D + dx."""
    if min(a.kernel_size, a.stride1, a.stride2) < 1 or min(a.max_displacement, a.pad_size) < 0 or not a.kernel_size % 2:
        raise OperatorError(
            "kernel_size must be odd, stride1 and stride2 at least 1, max_displacement and pad_size at least 0, got "
            f"{a.kernel_size}, {a.stride1}, {a.stride2}, {a.max_displacement} and {a.pad_size}"
        )
    reach, radius = a.max_displacement // a.stride2, a.kernel_size // 2
    steps = [a.stride2 * step for step in range(-reach, reach + 1)]
    border = a.max_displacement + radius

    def function(data1, data2):
        height, width = (_cells(side, a, border) for side in data1.shape[2:])
        if known((height, width)) and min(height, width) < 1:
            raise OperatorError(
                f"data of shape {tuple(data1.shape)} with pad_size={a.pad_size} is too small for "
                f"max_displacement={a.max_displacement}, kernel_size={a.kernel_size}"
            )
        first, second = (F.pad(data, (a.pad_size,) * 4) for data in (data1, data2))
        tall, wide = (a.stride1 * (count - 1) + a.kernel_size for count in (height, width))
        # A window begins at the place itself, max_displacement inside: as in MXNet, not centred on it.
        top = a.max_displacement
        fixed = first[:, :, top : top + tall, top : top + wide]
        maps = []
        for down in steps:
            for right in steps:
                moved = second[:, :, top + down : top + down + tall, top + right : top + right + wide]
                maps.append(_alike(fixed, moved, a))
        return torch.stack(maps, 1)

    return function


def _cells(side: int, a, border: int) -> int:
    return -(-(side + 2 * a.pad_size - 2 * border) // a.stride1)


def _alike(fixed: torch.Tensor, moved: torch.Tensor, a) -> torch.Tensor:
    """(N, h, w): the mean over channels and window of the products, or of the absolute differences."""
    if a.is_multiply:
        each = fixed * moved
    else:  # where both are equal MXNet's gradient is that of a - b
        each = torch.where(fixed >= moved, fixed - moved, moved - fixed)
    if a.kernel_size == a.stride1 == 1:
        return each.mean(1)
    return F.avg_pool2d(each.mean(1, keepdim=True), a.kernel_size, a.stride1).squeeze(1)
