# SPDX-License-Identifier: Apache-2.0
"""Puts the operators where MXNet code looks for them."""

from __future__ import annotations

import logging

import mxnet as mx
import mxnet.contrib as contrib

from operators.for_mxnet import nd, sym

_PLACES = ((nd, (mx.nd.contrib, contrib.ndarray)), (sym, (mx.sym.contrib, contrib.symbol)))
_stock: dict = {}  # (module, name) -> the stock function, while ours stands in its place


def install(replace_stock: bool = False) -> None:
    """Adds the operators that stock MXNet lacks to mx.nd.contrib and mx.sym.contrib (and to mx.contrib.nd / .symbol).

    After it, ``F.contrib.ActiveConvolution`` works inside hybrid_forward.

    Parameters
    ----------
    replace_stock : bool, default False
        Also route stock names such as DeformableConvolution to our operators, so that unchanged code uses them.
        Called again with False, the stock functions are put back. Graphs already built or loaded from JSON keep the
        stock operators: they name their operator themselves.
    """
    for ours, modules in _PLACES:
        for module in modules:
            for name in ours.__all__:
                stock = _stock.get((module, name)) or getattr(module, name, None)
                if stock is None or getattr(stock, "__module__", "") == ours.__name__:
                    setattr(module, name, getattr(ours, name))
                elif replace_stock:
                    _stock[module, name] = stock
                    setattr(module, name, getattr(ours, name))
                else:
                    setattr(module, name, stock)
    if replace_stock:
        logging.getLogger(__name__).info(
            "MXNet's %s now come from Active-ConvNets; graphs loaded from JSON keep MXNet's own",
            ", ".join(sorted({name for _, name in _stock})),
        )
