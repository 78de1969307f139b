# SPDX-License-Identifier: Apache-2.0
"""The graphs of DeepLab's networks: 'train', 'test'; 'measured', 'classified': with the outputs that training and
testing need beside. `python -m deeplab.graphs` keeps them, see `lib.graphs`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from deeplab.modules import deeplab_v3_plus
from lib.config.v3_plus import NAME
from lib.graphs import Graphs


def _build(cfg, kind: str) -> str:
    from deeplab import symbols

    symbol = symbols.get_symbol(cfg, is_train=kind in ("train", "measured"))
    more = {"measured": symbols.measured, "classified": symbols.classified}.get(kind)
    return (more(symbol) if more else symbol).tojson()


graph = Graphs("deeplab", ("train", "measured", "test", "classified"), _build,
               lambda cfg: [asdict(cfg.net), asdict(cfg.faults), cfg.dataset.NUM_CLASSES],
               lambda cfg, kind: deeplab_v3_plus.text(cfg) if cfg.symbol == NAME else "")  # fmt: skip

if __name__ == "__main__":
    sys.exit(graph.main())
