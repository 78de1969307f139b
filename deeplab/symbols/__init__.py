# SPDX-License-Identifier: Apache-2.0
"""The networks. One file per variant says which convolution stands at branch2b of res5; the rest is shared."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

import mxnet as mx

from deeplab.core.param_rules import INPUTS, rules
from deeplab.symbols.head import segmentation
from deeplab.symbols.resnet_v1 import backbone

_SHARED = {"head", "operators", "res5", "resnet_v1"}


def names() -> list[str]:
    """The values that cfg.symbol may take."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _SHARED)


def get_symbol(cfg, is_train: bool = True) -> mx.sym.Symbol:
    """The segmentation network that cfg.symbol and cfg.net describe.

    Inputs: `data` (N, 3, H, W) and, if is_train, `label` (N, H, W). Output: `softmax_output`
    (N, cfg.dataset.NUM_CLASSES, H, W). The variables carry the learning-rate multipliers of
    `deeplab.core.param_rules` as `__lr_mult__`, which Module and the saved JSON keep.
    Raises ValueError for an unknown cfg.symbol, with the nearest name, or an impossible cfg.net.
    """
    data = mx.sym.var("data")
    features = backbone(data, cfg.net, _variant(cfg.symbol).res5_branch2b)
    symbol = segmentation(features, data, cfg.dataset.NUM_CLASSES, cfg.net, is_train)
    variables = symbol.get_internals()
    parameters = [name for name in symbol.list_arguments() if name not in INPUTS]
    for name, rule in rules(cfg, parameters).items():
        if rule.lr_mult != 1:
            variables[name]._set_attr(__lr_mult__=str(rule.lr_mult))
    return symbol


def _variant(name: str):
    if name not in names():
        near = difflib.get_close_matches(str(name), names(), n=1, cutoff=0.0)
        raise ValueError(
            f"symbol: no network {name!r} in deeplab/symbols; did you mean {near[0]!r}? known: {', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{name}")
