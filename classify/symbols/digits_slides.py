# SPDX-License-Identifier: Apache-2.0
"""The network for digits of Qu and Mousavy's slides (ChunhuanLin/deform_conv_pytorch, demo.py): three convolutions with
bias, a fourth one that looks elsewhere, the mean over the map, a linear layer. 262,876 parameters when deformable."""

from __future__ import annotations

import mxnet as mx

from classify.symbols import layers

FILTERS = (32, 64, 128)


def scores(data: mx.sym.Symbol, net, classes: int) -> mx.sym.Symbol:
    """(N, 1, H, W) -> (N, classes). The ReLU stands before the batch normalisation, as in the original."""
    x = data
    for number, filters in enumerate(FILTERS, start=1):
        x = _behind(mx.sym.Convolution(x, name=f"conv{number}", **layers.geometry(filters)), number, net)
    x = _behind(layers.convolution(x, "conv4", FILTERS[-1], net), 4, net)
    return layers.linear(layers.mean_over_map(x), classes)


def _behind(x: mx.sym.Symbol, number: int, net) -> mx.sym.Symbol:
    return layers.normalised(layers.relu(x, f"relu{number}"), f"bn{number}", net)
