# SPDX-License-Identifier: Apache-2.0
"""What each line's configuration comes to, and whether a run was made with just that."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from experiments.ledger.book import Book, Data
from lib.config import as_dict
from lib.run import folder
from lib.system import read

# Settings in which runs of one line may differ, beside those of `folder.PLACES`: what is read, which seed, names.
FREE = ("MXNET_VERSION", "dataset.dataset_path", "dataset.root_path", "TRAIN.model_prefix", "run.seed", "run.name")


def resolve(path: Path, data: Data, *settings: str):
    """The configuration of a file for runs on `data`, with settings laid over it. Raises ConfigError."""
    return read(str(path), [*overlay(data), *settings])[1]


def overlay(data: Data) -> list[str]:
    """The settings that make a configuration's run one on `data`."""
    return [f"OVER={data.over}"] if data.over else []


class Expected:
    """What the lines' configurations come to on each kind of data, and how a run differs from that."""

    def __init__(self, book: Book):
        self._book = book
        system, _ = read(str(book.lines[0].path), overlay(book.data[0]))
        self._defaults = folder.flat(as_dict(system.schema.config()))
        paths = dict.fromkeys(line.path for line in book.lines)
        self._trees = {data.name: {path.stem: as_dict(resolve(path, data)) for path in paths} for data in book.data}

    def __getitem__(self, data: str) -> dict[str, dict]:
        """{configuration's name: what it comes to} on a kind of data."""
        return self._trees[data]

    def has(self, data: str, config: str) -> bool:
        """Whether there is such a configuration on such data."""
        return config in self._trees.get(data, {})

    def data_of(self, config: dict) -> str | None:
        """The kind of data that a run of this configuration is nearest to, None if it is not a line's: of another name,
        or of another network, as where two systems have a line called `plain`."""
        name, symbol = config.get("run", {}).get("name"), config.get("symbol")
        if any(name not in trees or trees[name]["symbol"] != symbol for trees in self._trees.values()):
            return None
        return min(self._trees, key=lambda data: len(self.differences(self._trees[data][name], config)))

    def differences(self, expected: dict, found: dict) -> list[str]:
        """`key: expected -> found` for every setting that a run of the line must share and does not.

        Which GPUs are used may differ, how many may not: they divide one batch. A key that was introduced after the run
        does not count where its value is the default, which is what the run did.
        """
        old, new = folder.flat(expected), {**self._defaults, **folder.flat(found)}
        old["number of GPUs"], new["number of GPUs"] = gpus_of(old["gpus"]), gpus_of(new["gpus"])
        free = (*folder.PLACES, *FREE, *self._book.free, *self._unread(old["symbol"]))
        return folder.changes(folder.that_matter(old, free), folder.that_matter(new, free))

    def representatives(self, data: str) -> dict[str, str]:
        """For each configuration the first one that comes to the same: scaled down, neighbours on an axis can coincide.

        One run then stands for all of them, for a second one would repeat it bit for bit.
        """
        chosen: dict[str, str] = {}
        for name, config in self[data].items():
            same = (each for each in set(chosen.values()) if not self.differences(self[data][each], config))
            chosen[name] = next(same, name)
        return chosen

    def _unread(self, symbol: str) -> Iterable[str]:
        """Settings that only other networks read."""
        return [key for known, keys in self._book.read_only_by.items() if not fnmatch(symbol, known) for key in keys]


def gpus_of(gpus: str) -> int:
    """How many devices a text such as '0,1' names."""
    return len(gpus.split(",")) if gpus else 0
