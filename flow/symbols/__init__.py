# SPDX-License-Identifier: Apache-2.0
"""The networks. One file each says how the features of a pair come about; decoder and loss are shared."""

from __future__ import annotations

import sys

import mxnet as mx

from flow.rules import rules_of
from flow.symbols import decoder, losses
from lib.nets import named

_SHARED = {"decoder", "filtering", "layers", "losses"}


def names() -> list[str]:
    """The values that cfg.symbol may take."""
    return named.names(sys.modules[__name__], _SHARED)


def get_symbol(cfg, is_train: bool = True) -> mx.sym.Symbol:
    """The network that cfg.symbol and cfg.net describe.

    Input: `data` (N, 6, H, W), first and second picture. In training also the targets `flow2` to `flow6`
    (`flow.batches.targets`); heads are then the losses `loss2` to `loss6`, else `flow_output` (N, 2, H, W): how far
    each pixel moves to the right and down, in pixels.
    Raises ValueError for an unknown cfg.symbol, with the nearest name, or an impossible cfg.net.
    """
    network = named.network(sys.modules[__name__], cfg.symbol, _SHARED)
    data = mx.sym.var("data")
    flows = decoder.flows(network.features(data, cfg.net), cfg.net)
    symbol = losses.end_point_errors(flows, cfg.net) if is_train else decoder.enlarged(flows[2], data)
    named.say_rates(symbol, rules_of(cfg, symbol.tojson()))
    return symbol
