# SPDX-License-Identifier: Apache-2.0
"""The graphs of a configuration's networks, as text. MXNet builds them; a machine without it takes what was kept:

    python -m deeplab.graphs CONFIG [CONFIG ...] [key=value ...]

writes those of these configurations into the folder build/graphs, where the PyTorch engine finds them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from lib.config import ConfigError
from lib.run.atomic import write_text
from lib.system import ROOT, read

FOLDER = ROOT / "build" / "graphs"
KINDS = ("train", "measured", "test", "classified")


def graph(cfg, kind: str) -> str:
    """The text of a network's graph. kind: 'train', 'test'; 'measured', 'classified': with the outputs that training
    and testing need beside. Raises ConfigError where MXNet is not installed and the graph was not brought along."""
    if find_spec("mxnet") is not None:
        return _built(cfg, kind)
    path = _path(cfg, kind)
    if not path.is_file():
        raise ConfigError(
            f"symbol: MXNet builds the graph of {cfg.symbol} and is not installed here; run `python -m deeplab.graphs "
            f"{cfg.run.name}` with the same settings where it is, and bring the folder build/graphs ({path.name})"
        )
    return path.read_text(encoding="utf-8")


def _built(cfg, kind: str) -> str:
    from deeplab import symbols

    symbol = symbols.get_symbol(cfg, is_train=kind in ("train", "measured"))
    more = {"measured": symbols.measured, "classified": symbols.classified}.get(kind)
    return (more(symbol) if more else symbol).tojson()


def _path(cfg, kind: str) -> Path:
    says = [cfg.symbol, asdict(cfg.net), asdict(cfg.faults), cfg.dataset.NUM_CLASSES, kind]
    return FOLDER / f"{cfg.symbol}-{kind}-{hashlib.sha256(json.dumps(says).encode()).hexdigest()[:12]}.json"


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status."""
    made = argparse.ArgumentParser("python -m deeplab.graphs", description="Keep graphs for machines without MXNet.")
    made.add_argument("words", nargs="+", metavar="CONFIG or key=value")
    words = made.parse_args(arguments).words
    settings = [word for word in words if "=" in word]
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in (word for word in words if word not in settings):
            _, cfg = read(name, settings)
            for kind in KINDS:
                path = _path(cfg, kind)
                write_text(path, _built(cfg, kind))
                print(path)
    except (ConfigError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
