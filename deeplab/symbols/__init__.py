# SPDX-License-Identifier: Apache-2.0
"""The networks. One file per variant says which convolution stands at branch2b of res5; the rest is shared."""

from __future__ import annotations

import sys

import mxnet as mx

from deeplab import faults
from deeplab.rules import rules_of
from deeplab.symbols.head import segmentation
from lib.nets import named
from lib.nets.res5 import convolution
from lib.nets.resnet_v1 import Branch2b, backbone, units

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
    features = backbone(data, faults.built(cfg), _res5_branch2b(cfg, is_train))
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


def _res5_branch2b(cfg, is_train: bool) -> Branch2b:
    """The 3x3 convolution of each unit of res5, in training with the fault of its weight gradient if that is wanted."""
    variant = named.network(sys.modules[__name__], cfg.symbol, _SHARED)
    look, letters = variant.res5_branch2b, cfg.net.looking_units
    if cfg.faults.undeformed_weight_gradient and is_train:
        look = getattr(variant, "undeformed_weight_gradient", look)  # a network without it is refused by its rules
    if not letters:
        return look
    known = units(cfg.net.depth, 5)
    if not set(letters) <= set(known):
        raise ValueError(f"net.looking_units: res5 of depth {cfg.net.depth} has the units {', '.join(known)}, "
                         f"got {letters!r}")  # fmt: skip
    names = {f"res5{letter}_branch2b" for letter in letters}
    return lambda data, name, *shape: (look if name in names else convolution)(data, name, *shape)
