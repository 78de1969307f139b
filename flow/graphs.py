# SPDX-License-Identifier: Apache-2.0
"""The graphs of the FlowNets, 'train' and 'test'. `python -m flow.graphs` keeps them, see `lib.graphs`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from lib.graphs import Graphs


def _build(cfg, kind: str) -> str:
    from flow import symbols

    return symbols.get_symbol(cfg, is_train=kind == "train").tojson()


graph = Graphs("flow", ("train", "test"), _build, lambda cfg: asdict(cfg.net))

if __name__ == "__main__":
    sys.exit(graph.main())
