# SPDX-License-Identifier: Apache-2.0
"""From the maps of levels 2 to 6 to the flow on each: every level is told by the one above it, twice as large."""

from __future__ import annotations

import mxnet as mx

from flow.levels import SCALE
from flow.symbols import layers
from lib.nets.multi_scale import resized


def flows(features: dict[int, mx.sym.Symbol], net) -> dict[int, mx.sym.Symbol]:
    """The outputs `predict_flow6` to `predict_flow2` by level, (N, 2, h, w): flow / 20, in pixels of the picture.

    net: cfg.net; reads width, biases.
    """
    x, found = features[6], {}
    for level, channels in ((6, 8), (5, 4), (4, 2), (3, 1)):
        found[level], below = layers.linear(x, f"predict_flow{level}", 2, bias=net.biases), level - 1
        larger = layers.twice_as_large(x, f"deconv{below}", channels * net.width, net.biases)
        larger = layers.leaky(larger, f"deconv{below}_relu")
        known = layers.twice_as_large(found[level], f"upsampled_flow{level}_to_{below}", 2, net.biases)
        # Where a side was odd, twice the half of it is one too many.
        like = features[below]
        larger, known = (mx.sym.Crop(each, like, name=f"{name}{below}_cropped")
                         for each, name in ((larger, "deconv"), (known, "upsampled_flow")))  # fmt: skip
        x = mx.sym.concat(like, larger, known, dim=1, name=f"concat{below}")
    found[2] = layers.linear(x, "predict_flow2", 2, bias=net.biases)
    return found


def enlarged(flow2: mx.sym.Symbol, data: mx.sym.Symbol) -> mx.sym.Symbol:
    """`flow_output`, (N, 2, H, W) of `data`'s size, in pixels."""
    return mx.sym.identity(SCALE * resized(flow2, "enlarged", data), name="flow")
