# SPDX-License-Identifier: Apache-2.0
"""What the variants of the 3x3 convolution of res5 have in common."""

from __future__ import annotations

import mxnet as mx


def geometry(num_filter: int, net, stride: int) -> dict:
    """Attributes of every variant: 3x3, no bias, padded as far as it is dilated (stride 1 keeps the size).

    net: cfg.net; reads res5_dilate.
    """
    dilate = (net.res5_dilate, net.res5_dilate)
    shape = {"kernel": (3, 3), "stride": (stride, stride), "pad": dilate, "dilate": dilate}
    return {"num_filter": num_filter, "no_bias": True, **shape}


def convolution(data: mx.sym.Symbol, name: str, num_filter: int, net, stride: int, **weight) -> mx.sym.Symbol:
    """The ordinary convolution, with dilation and padding `net.res5_dilate`. weight: one that it shares, if any."""
    return mx.sym.Convolution(data=data, name=name, **weight, **geometry(num_filter, net, stride))


def sampling(net) -> dict:
    """Attributes of the variants with offsets. net: cfg.net; reads num_offset_group, num_deformable_group and boundary.

    An empty boundary leaves each operator its own default: DeformableConvolution 'inside', the others 'zero'.
    """
    attributes = {"num_deformable_group": net.num_deformable_group}
    if net.num_offset_group > 1:  # stock MXNet, which may have to take its place, has no such attribute
        attributes["num_offset_group"] = net.num_offset_group
    if net.boundary:
        attributes["boundary"] = net.boundary
    return attributes


def predicted_points(net) -> int:
    """Taps of all offset sets: a deformable convolution reads a (y, x) for each of them at every position."""
    return 9 * net.num_offset_group * net.num_deformable_group


def offset_branch(data: mx.sym.Symbol, name: str, num_filter: int, net, stride: int) -> mx.sym.Symbol:
    """The 3x3 convolution `<name>_offset`, with bias, that computes offsets from the features (N, num_filter, H, W).

    net: cfg.net; reads offset_dilate (1 in the original: it looks nearer than the convolution it steers).
    """
    dilate = (net.offset_dilate, net.offset_dilate)
    return mx.sym.Convolution(
        data,
        name=f"{name}_offset",
        num_filter=num_filter,
        kernel=(3, 3),
        stride=(stride, stride),
        pad=dilate,
        dilate=dilate,
    )


def bounded(offset: mx.sym.Symbol, name: str, net) -> mx.sym.Symbol:
    """Computed offsets kept within net.offset_bound pixels in y and in x, smoothly: bound * tanh(offset / bound).

    Near 0 that is the offset itself. net: cfg.net; reads offset_bound, 0 leaves `offset` as it is.
    """
    if not net.offset_bound:
        return offset
    return mx.sym.tanh(offset / net.offset_bound, name=f"{name}_offset_tanh") * net.offset_bound
