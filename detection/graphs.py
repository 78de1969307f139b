# SPDX-License-Identifier: Apache-2.0
"""The graphs of the detectors, 'train' and 'test'. `python -m detection.graphs` keeps them, see `lib.graphs`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from detection.schema import from_file
from lib.graphs import Graphs


def _build(cfg, kind: str) -> str:
    from detection import symbols

    return symbols.get_symbol(cfg, is_train=kind == "train").tojson()


graph = Graphs("detection", ("train", "test"), _build,
               lambda cfg: [asdict(each) for each in (cfg.net, cfg.network, cfg.TRAIN, cfg.TEST)]
               + [cfg.CLASS_AGNOSTIC, cfg.dataset.NUM_CLASSES]
               + (["proposals from a file"] if from_file(cfg) else []))  # fmt: skip

if __name__ == "__main__":
    sys.exit(graph.main())
