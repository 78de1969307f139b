# SPDX-License-Identifier: Apache-2.0
"""FlowNetC (Dosovitskiy et al. 2015, FlowNet): both pictures through the same three convolutions, then how alike the
places of one and the displaced places of the other are. 39,174,320 parameters."""

from __future__ import annotations

import mxnet as mx

from flow.symbols import filtering, layers
from lib.nets.correlation import correlation


def features(data: mx.sym.Symbol, net) -> dict[int, mx.sym.Symbol]:
    """(N, 6, H, W) -> the maps of levels 2 to 6; that of level 2 is of the first picture."""
    first, second = mx.sym.SliceChannel(data, name="pictures", num_outputs=2, axis=1)
    half, third = layers.first_three(mx.sym.concat(first, second, dim=0, name="one_by_one"), net.width)
    half, third = (mx.sym.SliceChannel(x, name=f"{name}_of_both", num_outputs=2, axis=0)
                   for x, name in ((half, "conv2"), (third, "conv3")))  # fmt: skip
    alike = correlation(third[0], third[1], "corr", net.max_displacement, net.displacement_stride)
    redirected = layers.convolution(third[0], "conv_redir", max(1, net.width // 2), 1)
    merged = mx.sym.concat(redirected, layers.leaky(alike, "corr_relu"), dim=1, name="merged")
    merged = filtering.third(layers.convolution(merged, "conv3_1", 4 * net.width), net)
    return {2: half[0], 3: merged, **layers.last_three(merged, net.width)}
