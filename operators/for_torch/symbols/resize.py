# SPDX-License-Identifier: Apache-2.0
"""Bilinear resizing, with the positions that MXNet 1.9.1 computes on a CPU: in float32, in float64 graphs too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from operators.for_torch.symbols.attributes import choice, flag, integer, single
from operators.for_torch.symbols.operator import known, operator
from operators.library import OperatorError

MODES = "like odd_scale size to_even_down to_even_up to_odd_down to_odd_up"


@operator(
    "_contrib_BilinearResize2D",
    lambda a: ("data", "like") if a.mode == "like" else ("data",),
    {
        "height": integer(1),
        "width": integer(1),
        "scale_height": single(None),
        "scale_width": single(None),
        "mode": choice(MODES, "size", ("like", "size")),
        "align_corners": flag(True),
    },
)
def _bilinear_resize(a):
    if a.align_corners:
        raise OperatorError("align_corners=True is not served here; served: False")
    if (a.scale_height is None) != (a.scale_width is None):
        raise OperatorError(f"scale_height and scale_width go together, got {a.scale_height} and {a.scale_width}")

    def function(data, like=None):
        if data.dim() != 4:
            raise OperatorError(f"data must have shape (N, C, H, W), got {tuple(data.shape)}")
        height, width = like.shape[2:] if like is not None else _size(a, *data.shape[2:])
        if known((height, width)) and min(height, width) < 1:
            raise OperatorError(f"data of shape {tuple(data.shape)} would become {height} x {width}, expected a cell")
        down = _weights(data.shape[2], height).to(data)
        across = _weights(data.shape[3], width).to(data)
        return torch.matmul(torch.matmul(down, data), across.T)

    return function


def _size(a, height: int, width: int) -> tuple[int, int]:
    if a.scale_height is None:
        return a.height, a.width
    return int(height * a.scale_height), int(width * a.scale_width)


@lru_cache(maxsize=64)
def _weights(size: int, wanted: int) -> torch.Tensor:
    """(wanted, size): how much of every cell is in each new one."""
    step = np.float64(np.float32(size) / np.float32(wanted))
    place = np.maximum(np.float32(step * (np.arange(wanted) + 0.5) - 0.5), np.float32(0))
    before = place.astype(np.int64)
    share = np.float64(place - before.astype(np.float32))
    rows, weights = np.arange(wanted), np.zeros((wanted, size))
    weights[rows, before] = 1 - share
    weights[rows, np.minimum(before + 1, size - 1)] += share
    return torch.from_numpy(weights)
