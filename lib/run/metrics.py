# SPDX-License-Identifier: Apache-2.0
"""metrics.jsonl: what a training measured, one line per update and per epoch; and sums of measures over an epoch."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

from lib.run.atomic import write_text
from lib.run.damage import DamagedFile


def as_line(means: dict[str, float], losses: tuple[str, ...] = ()) -> dict[str, float]:
    """Measures as a line of metrics has them: `loss` is the sum of those that `losses` names, beside all of them; ():
    the first is called loss."""
    if losses:
        return {"loss": sum(means[name] for name in losses), **means}
    (_, loss), *others = means.items()
    return {"loss": loss, **dict(others)}


class Sums:
    """Measures of an epoch so far, each a sum and a count. losses: see `as_line`."""

    def __init__(self, losses: tuple[str, ...] = ()):
        self._losses = losses
        self._total: dict[str, tuple[float, float]] = {}

    def add(self, measured: dict[str, tuple[float, float]]) -> dict[str, float]:
        """Counts one batch, {name: (sum, count)}; gives the batch's own means (0 where nothing counts)."""
        for name, (value, count) in measured.items():
            before = self._total.get(name, (0.0, 0.0))
            self._total[name] = (before[0] + value, before[1] + count)
        return {name: float(value / max(1, count)) for name, (value, count) in measured.items()}

    def means(self) -> dict[str, float]:
        """The running means; NaN before the first count."""
        return {name: float(value / count) if count else float("nan") for name, (value, count) in self._total.items()}

    def line(self) -> dict[str, float]:
        """The means as a line of metrics has them."""
        return as_line(self.means(), self._losses)


class Metrics:
    """Each line exactly once, however often the run was resumed."""

    def __init__(self, path: Path, update: int):
        """path: the file. update: the last update that the run goes on from; what stands there of later ones goes."""
        kept = [line for line in read_metrics(path) if line["update"] <= update]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = open(path, "a", buffering=1, encoding="utf-8")  # by lines, so that it can be watched

    def write(self, **values) -> None:
        """values: plain data; `update` must be among them."""
        with self._named():
            self._file.write(json.dumps(values) + "\n")

    def flush(self) -> None:
        """Makes what was written so far last, before the checkpoint that stands for it is written."""
        with self._named():
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with self._named():
            self._file.close()

    @contextmanager
    def _named(self):
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file.name) from error


class NoMetrics:
    """The metrics of a worker that is not the first, which writes none."""

    def write(self, **values) -> None:
        """Those of the first worker stand for all."""

    flush = close = write


def read_metrics(path: Path) -> list[dict]:
    """All complete lines, in their order ([] if there is no file); their `event` is 'update', 'epoch' or 'offsets'.

    A process that was killed may have left half a line at the end. Raises DamagedFile for any other line that is none.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    return [_line(path, number, each) for number, each in enumerate(lines, 1)]


def _line(path: Path, number: int, text: bytes) -> dict:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DamagedFile(f"{path}: line {number} is damaged ({error}); remove that line") from None
    if not isinstance(found, dict) or not isinstance(found.get("update"), int):
        raise DamagedFile(f"{path}: line {number} is damaged (no update in it); remove that line")
    return found
