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
    process, a map that is too small gets a size of 2**32. So 0 times the first map is added to the second, which shape
    inference refuses unless they have one shape; padding is as wide as the displacement, which any map is large enough
    for; and numbers that do not fit raise ValueError here.
    """
    if stride < 1 or max_displacement < 0:
        raise ValueError(f"{name}: expected max_displacement >= 0 and stride >= 1, got {max_displacement} and {stride}")
    alike = mx.sym.elemwise_add(second, 0 * mx.sym.BlockGrad(first), name=f"{name}_second")
    return mx.sym.Correlation(
        first,
        alike,
        name=name,
        kernel_size=1,
        max_displacement=max_displacement,
        stride1=1,
        stride2=stride,
        pad_size=max_displacement,
        is_multiply=True,
    )
