# SPDX-License-Identifier: Apache-2.0
"""MXNet's Correlation as FlowNetC (Dosovitskiy et al. 2015) has it, guarded against what MXNet 1.9.1 lets pass."""

from __future__ import annotations

import mxnet as mx


def correlation(
    first: mx.sym.Symbol, second: mx.sym.Symbol, name: str, max_displacement: int = 20, stride: int = 2
) -> mx.sym.Symbol:
    """(N, D * D, H, W) of two maps (N, C, H, W): means over the channels of first(y, x) * second(y + dy, x + dx).

    dy and dx are multiples of `stride` up to `max_displacement`, in pixels of the maps; D of each, channel
    (row of dy) * D + (column of dx). What lies outside is 0.

    MXNet does not compare the two shapes and reads outside its memory where they differ, a stride of 0 ends the
    process, a map that is too small gets a size of 2**32. So both maps are stacked first, which shape inference
    refuses unless they have one shape; padding is as wide as the displacement, which any map is large enough for; and
    numbers that do not fit raise ValueError here.
    """
    if stride < 1 or max_displacement < 0:
        raise ValueError(f"{name}: expected max_displacement >= 0 and stride >= 1, got {max_displacement} and {stride}")
    pair = mx.sym.stack(first, second, axis=0, name=f"{name}_pair")
    maps = mx.sym.SliceChannel(pair, name=f"{name}_maps", num_outputs=2, axis=0, squeeze_axis=True)
    return mx.sym.Correlation(
        maps[0],
        maps[1],
        name=name,
        kernel_size=1,
        max_displacement=max_displacement,
        stride1=1,
        stride2=stride,
        pad_size=max_displacement,
        is_multiply=True,
    )
