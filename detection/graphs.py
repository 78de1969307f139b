# SPDX-License-Identifier: Apache-2.0
"""The graphs of a configuration's networks, as text."""

from __future__ import annotations

from importlib.util import find_spec

from lib.config import ConfigError


def graph(cfg, kind: str) -> str:
    """The text of a network's graph. kind: 'train' or 'test'. Raises ConfigError where MXNet, which builds it, is not
    installed."""
    if find_spec("mxnet") is None:
        raise ConfigError(f"symbol: MXNet builds the graph of {cfg.symbol} and is not installed here")
    from detection import symbols

    return symbols.get_symbol(cfg, is_train=kind == "train").tojson()
