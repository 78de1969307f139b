# SPDX-License-Identifier: Apache-2.0
"""FlowNetS (Dosovitskiy et al. 2015, FlowNet): both pictures as one input of six channels. 38,675,536 parameters."""

from __future__ import annotations

import mxnet as mx

from flow.symbols import filtering, layers


def features(data: mx.sym.Symbol, net) -> dict[int, mx.sym.Symbol]:
    """(N, 6, H, W) -> the maps of levels 2 to 6."""
    second, third = layers.first_three(data, net.width)
    third = filtering.third(layers.convolution(third, "conv3_1", 4 * net.width), net)
    return {2: second, 3: third, **layers.last_three(third, net.width)}
