# SPDX-License-Identifier: Apache-2.0
"""The graphs of a system's networks, as text. MXNet builds them; a machine without it takes what was kept:

    python -m <system>.graphs CONFIG [CONFIG ...] [key=value ...]

writes those of these configurations into the folder build/graphs, where the PyTorch engine finds them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lib.config import ConfigError, is_setting
from lib.run.atomic import write_text
from lib.system import ROOT, read

FOLDER = ROOT / "build" / "graphs"


@dataclass(frozen=True)
class Graphs:
    """system: its name. kinds: of graphs that a network has, such as 'train' and 'test'. build: (cfg, kind) -> text,
    with MXNet. depends: (cfg) -> plain data, all that a graph depends on besides cfg.symbol. module: (cfg, kind) -> the
    text of a network that is a torch module (`lib.run.module_text`), which nothing need build; '' for the others."""

    system: str
    kinds: Sequence[str]
    build: Callable[[object, str], str]
    depends: Callable[[object], object]
    module: Callable[[object, str], str] = lambda cfg, kind: ""

    def __call__(self, cfg, kind: str) -> str:
        """The text of a network's graph. Raises ConfigError where MXNet is not installed and none was brought along."""
        if text := self.module(cfg, kind):
            return text
        if find_spec("mxnet") is not None:
            return self.build(cfg, kind)
        path = self.path(cfg, kind)
        if not path.is_file():
            raise ConfigError(
                f"symbol: MXNet builds the graph of {cfg.symbol} and is not installed here; run `python -m "
                f"{self.system}.graphs {cfg.run.name}` with the same settings where it is, and bring the folder "
                f"build/graphs ({path.name})"
            )
        return path.read_text(encoding="utf-8")

    def path(self, cfg, kind: str) -> Path:
        """Where a graph is kept."""
        says = hashlib.sha256(json.dumps([cfg.symbol, self.depends(cfg), kind]).encode()).hexdigest()[:12]
        return FOLDER / f"{cfg.symbol}-{kind}-{says}.json"

    def main(self, arguments: list[str] | None = None) -> int:
        """The command; gives the exit status."""
        made = argparse.ArgumentParser(f"python -m {self.system}.graphs",
                                       description="Keep graphs for machines without MXNet.")  # fmt: skip
        made.add_argument("words", nargs="+", metavar="CONFIG or key=value")
        words = made.parse_args(arguments).words
        settings = [word for word in words if is_setting(word)]
        try:
            FOLDER.mkdir(parents=True, exist_ok=True)
            for name in (word for word in words if word not in settings):
                _, cfg = read(name, settings)
                if self.module(cfg, self.kinds[0]):
                    raise ConfigError(f"symbol: {cfg.symbol} is a torch module, for which no graph need be kept")
                for kind in self.kinds:
                    path = self.path(cfg, kind)
                    write_text(path, self.build(cfg, kind))
                    print(path)
        except (ConfigError, OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0
