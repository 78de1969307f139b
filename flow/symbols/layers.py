# SPDX-License-Identifier: Apache-2.0
"""What the networks are made of. Names are those of ClementPinard/FlowNetPytorch, as MXNet writes them: its
`conv3_1.0.weight` is `conv3_1_weight`."""

from __future__ import annotations

import mxnet as mx

SLOPE = 0.1  # of the ReLUs, below 0


def convolution(x: mx.sym.Symbol, name: str, channels: int, kernel: int = 3, stride: int = 1) -> mx.sym.Symbol:
    """A convolution with bias that keeps the size at stride 1, and its leaky ReLU."""
    return leaky(linear(x, name, channels, kernel, stride), f"{name}_relu")


def linear(x: mx.sym.Symbol, name: str, channels: int, kernel: int = 3, stride: int = 1, bias: bool = True):
    """The same without the ReLU."""
    pad, sizes = kernel // 2, {"kernel": (kernel,) * 2, "stride": (stride,) * 2}
    return mx.sym.Convolution(x, name=name, num_filter=channels, pad=(pad, pad), no_bias=not bias, **sizes)


def twice_as_large(x: mx.sym.Symbol, name: str, channels: int, bias: bool) -> mx.sym.Symbol:
    """A transposed convolution that doubles both sides."""
    sizes = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}
    return mx.sym.Deconvolution(x, name=name, num_filter=channels, no_bias=not bias, **sizes)


def leaky(x: mx.sym.Symbol, name: str) -> mx.sym.Symbol:
    return mx.sym.LeakyReLU(x, name=name, act_type="leaky", slope=SLOPE)


def first_three(x: mx.sym.Symbol, width: int) -> tuple[mx.sym.Symbol, mx.sym.Symbol]:
    """conv1 to conv3; gives the maps of conv2, 1/4 of the picture's sides, and conv3, 1/8."""
    x = convolution(x, "conv1", width, 7, 2)
    half = convolution(x, "conv2", 2 * width, 5, 2)
    return half, convolution(half, "conv3", 4 * width, 5, 2)


def last_three(x: mx.sym.Symbol, width: int) -> dict[int, mx.sym.Symbol]:
    """conv4 to conv6_1 on the map of level 3; gives those of levels 4, 5 and 6."""
    found = {}
    for level, channels in ((4, 8), (5, 8), (6, 16)):
        x = convolution(x, f"conv{level}", channels * width, 3, 2)
        found[level] = x = convolution(x, f"conv{level}_1", channels * width)
    return found
