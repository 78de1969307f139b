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
    (N, cfg.dataset.NUM_CLASSES, H, W). DeepLabV2 has more of both, see `lib.nets.multi_scale`.
    The variables carry the learning-rate multipliers of `deeplab.rules` as `__lr_mult__`, which Module and the saved
    JSON keep.
    Raises ValueError for an unknown cfg.symbol, with the nearest name, or an impossible cfg.net.
    """
    data, look = mx.sym.var("data"), _res5_branch2b(cfg, is_train)
    whole = getattr(named.network(sys.modules[__name__], cfg.symbol, _SHARED), "network", _of_2017)
    symbol = whole(data, lambda pixels: backbone(pixels, faults.built(cfg), look), cfg, is_train)
    named.say_rates(symbol, rules_of(cfg, symbol.tojson()))
    return symbol


def _of_2017(data, features, cfg, is_train):
    if cfg.net.scales:
        raise ValueError(f"net.scales: {cfg.symbol} sees pictures at one scale, expected [], got {cfg.net.scales}")
    return segmentation(features(data), data, cfg.dataset.NUM_CLASSES, cfg.net, is_train)


def measured(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """A training network that also gives `probability_output` (N, H, W), that of each pixel's own class, for each of
    its losses: all that they are measured on, a hundredth of what leaves the device else."""
    inside, inputs, made = symbol.get_internals(), symbol.list_arguments(), [symbol]
    for head in symbol.list_outputs():
        of = head[len("softmax") : -len("_output")]  # '' or '_scale075'
        every = mx.sym.BlockGrad(inside[head], name=f"probability_of_all{of}")
        label = inside[f"label{of}" if f"label{of}" in inputs else "label"]
        made.append(mx.sym.pick(every, label, axis=1, name=f"probability{of}"))
    return mx.sym.Group(made)


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
