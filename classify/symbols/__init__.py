# SPDX-License-Identifier: Apache-2.0
"""The networks. One file each says how the features of a picture come about; the rest is shared."""

from __future__ import annotations

import sys

import mxnet as mx

from classify.rules import rules_of
from lib.nets import named

_SHARED = {"layers"}


def names() -> list[str]:
    """The values that cfg.symbol may take."""
    return named.names(sys.modules[__name__], _SHARED)


def get_symbol(cfg, is_train: bool = True) -> mx.sym.Symbol:
    """The classifier that cfg.symbol and cfg.net describe.

    Inputs: `data` (N, C, H, W) and, if is_train, `label` (N,). Output: `softmax_output` (N, cfg.dataset.NUM_CLASSES),
    probabilities; in training the gradient is that of the cross entropy, a mean over the batch.
    Raises ValueError for an unknown cfg.symbol, with the nearest name, or an impossible cfg.net.
    """
    network = named.network(sys.modules[__name__], cfg.symbol, _SHARED)
    scores = network.scores(mx.sym.var("data"), cfg.net, cfg.dataset.NUM_CLASSES)
    if is_train:
        symbol = mx.sym.SoftmaxOutput(scores, mx.sym.var("label"), name="softmax", normalization="batch")
    else:
        symbol = mx.sym.softmax(scores, axis=1, name="softmax")
    named.say_rates(symbol, rules_of(cfg, symbol.tojson()))
    return symbol
