# SPDX-License-Identifier: Apache-2.0
"""The network for digits at many scales of 4uiiurz1/pytorch-deform-conv-v2: four 3x3 convolutions without bias, of
which those from number net.first on are of net.kind; the map is halved after the second. net.width: filters of the
second, 64 in the original."""

from __future__ import annotations

from dataclasses import replace

import mxnet as mx

from classify.symbols import layers


def scores(data: mx.sym.Symbol, net, classes: int) -> mx.sym.Symbol:
    """(N, 1, H, W) -> (N, classes)."""
    x, plain = data, replace(net, kind="plain")
    for number, filters in enumerate((max(1, net.width // 2), net.width, 2 * net.width, 4 * net.width), start=1):
        x = layers.convolution(x, f"conv{number}", filters, net if number >= net.first else plain)
        x = layers.relu(layers.normalised(x, f"bn{number}", net), f"relu{number}")
        if number == 2:
            x = mx.sym.Pooling(x, name="pool2", kernel=(2, 2), stride=(2, 2), pool_type="max")
    return layers.linear(layers.mean_over_map(x), classes)
