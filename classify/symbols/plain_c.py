# SPDX-License-Identifier: Apache-2.0
"""The network for CIFAR of Jeon and Kim, Active Convolution (arXiv 1703.09076), as their plain_deploy.prototxt has it.

Names are those of the Caffe layers, so that what `lib.weights.caffe` imports goes on training. net.kind is active, or
plain for the network it is compared with. The first layer has one tap, which stays; in Caffe it is of the same kind.
"""

from __future__ import annotations

import mxnet as mx

from classify.symbols import layers
from lib.nets.operators import ActiveConvolution

FIRST, HIDDEN = 16, 1000
STAGES = ((1, 48, 1), (2, 96, 2), (3, 192, 2))
"""(number, filters, stride of the first of two convolutions)."""


def scores(data: mx.sym.Symbol, net, classes: int) -> mx.sym.Symbol:
    """(N, 3, 32, 32) -> (N, classes). Raises ValueError for a net.kind that the authors' network cannot be."""
    if net.kind not in ("plain", "active"):
        raise ValueError(f"net.kind: plain_c is plain or active, got {net.kind!r}")
    one = {"num_filter": FIRST, "kernel": (1, 1), "no_bias": True, "name": "conv1_1"}
    if net.kind == "active":
        x = ActiveConvolution(data=data, normalize_grad=net.normalize_grad, fixed_taps=(0,), **one)
    else:
        x = mx.sym.Convolution(data, **one)
    x = _behind(x, "1_1", net)
    for number, filters, stride in STAGES:
        for place in (1, 2):
            name = f"{number}_1/{place}"
            x = _behind(layers.convolution(x, f"conv{name}", filters, net, stride if place == 1 else 1), name, net)
    x = _behind(mx.sym.Convolution(x, name="fc1", num_filter=HIDDEN, kernel=(1, 1), no_bias=True), "_fc1", net)
    x = mx.sym.Convolution(layers.mean_over_map(x, "prescore"), name="score", num_filter=classes, kernel=(1, 1))
    return mx.sym.Flatten(x)


def _behind(x: mx.sym.Symbol, name: str, net) -> mx.sym.Symbol:
    return layers.relu(layers.normalised(x, f"bn{name}", net), f"relu{name}")
