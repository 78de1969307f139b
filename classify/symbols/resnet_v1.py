# SPDX-License-Identifier: Apache-2.0
"""ResNet whose last stage looks elsewhere: net.form says whether its 3x3 convolutions do (`branch2b` of every unit), or
one more in every unit, behind its last batch normalisation (Qu and Mousavy's slides). Plain extra ones are the control.

The torch modules of the same forms, with torchvision's names, are lib.modules.resnet; here names are the Caffe models'.
"""

from __future__ import annotations

from dataclasses import replace

import mxnet as mx

from classify.symbols import layers
from lib.nets.resnet_v1 import backbone


def scores(data: mx.sym.Symbol, net, classes: int) -> mx.sym.Symbol:
    """(N, C, H, W) -> (N, classes). net.width 64 is the papers' network."""
    existing, extra = (net, None) if net.form == "existing" else (replace(net, kind="plain"), layers.convolution)

    def branch2b(x, name, num_filter, _, stride):
        return layers.convolution(x, name, num_filter, existing, stride)

    features = backbone(data, net, branch2b, extra)
    return layers.linear(layers.mean_over_map(features), classes)
