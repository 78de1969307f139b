# SPDX-License-Identifier: Apache-2.0
"""The networks. One file per variant says which convolution stands at branch2b of res5; the rest is shared."""

from __future__ import annotations

import sys

import mxnet as mx

from deeplab.rules import rules_of
from deeplab.symbols.head import segmentation
from lib.nets import named
from lib.nets.resnet_v1 import backbone

_SHARED = {"head"}


def names() -> list[str]:
    """The values that cfg.symbol may take."""
    return named.names(sys.modules[__name__], _SHARED)


def get_symbol(cfg, is_train: bool = True) -> mx.sym.Symbol:
    """The segmentation network that cfg.symbol and cfg.net describe.

    Inputs: `data` (N, 3, H, W) and, if is_train, `label` (N, H, W). Output: `softmax_output`
    (N, cfg.dataset.NUM_CLASSES, H, W). The variables carry the learning-rate multipliers of
    `deeplab.rules` as `__lr_mult__`, which Module and the saved JSON keep.
    Raises ValueError for an unknown cfg.symbol, with the nearest name, or an impossible cfg.net.
    """
    data = mx.sym.var("data")
    variant = named.network(sys.modules[__name__], cfg.symbol, _SHARED)
    features = backbone(data, cfg.net, variant.res5_branch2b)
    symbol = segmentation(features, data, cfg.dataset.NUM_CLASSES, cfg.net, is_train)
    named.say_rates(symbol, rules_of(cfg, symbol.tojson()))
    return symbol


def measured(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """A training network that also gives `probability_output` (N, H, W), that of each pixel's own class: all that the
    loss is measured on, a hundredth of what leaves the device else."""
    probability = mx.sym.BlockGrad(symbol, name="probability_of_all")
    label = symbol.get_internals()["label"]
    return mx.sym.Group([symbol, mx.sym.pick(probability, label, axis=1, name="probability")])


def classified(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """A testing network that also gives `classes_output` (N, H, W), the most probable class of each pixel."""
    return mx.sym.Group([symbol, mx.sym.argmax(symbol, axis=1, name="classes")])
