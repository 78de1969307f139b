# SPDX-License-Identifier: Apache-2.0
"""What a run tells: log lines as the original writes them, numbers as JSON lines, and a progress bar for a person."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path

from tqdm import tqdm

from deeplab.core.atomic import replacing

HEAD = "%(asctime)-15s %(message)s"


class _Console(logging.StreamHandler):
    """Writes above the progress bar instead of through it."""

    def emit(self, record):
        tqdm.write(self.format(record), file=sys.stderr)


def open_log(folder: Path, name: str, first: bool = True) -> logging.Logger:
    """The run's log: standard error and <folder>/<name>_<date and time to the minute>.log.

    first: False for a worker that is not the first: it tells warnings, to standard error alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("deeplab")
    for old in list(log.handlers):
        log.removeHandler(old)
        old.close()
    log.setLevel(logging.INFO if first else logging.WARNING)
    log.propagate = False
    handlers = [_Console()]
    if first:
        path = folder / f"{name}_{time.strftime('%Y-%m-%d-%H-%M')}.log"
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(HEAD))
        log.addHandler(handler)
    return log


class Metrics:
    """metrics.jsonl: one line per update and per epoch of the run, each exactly once however often it was resumed."""

    def __init__(self, path: Path, update: int):
        """path: the file. update: the last update that the run goes on from; what stands there of later ones goes."""
        kept = [line for line in read_metrics(path) if line["update"] <= update]
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._file = open(path, "a", buffering=1, encoding="utf-8")  # by lines, so that it can be watched

    def write(self, **values) -> None:
        """values: plain data; `update` must be among them."""
        self._file.write(json.dumps(values) + "\n")

    def flush(self) -> None:
        """Makes what was written so far last, before the checkpoint that stands for it is written."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class NoMetrics:
    """The metrics of a worker that is not the first, which writes none."""

    def write(self, **values) -> None:
        """Those of the first worker stand for all."""

    flush = close = write


def read_metrics(path: Path) -> list[dict]:
    """All complete lines, in their order ([] if there is no file); their `event` is 'update' or 'epoch'.

    A process that was killed may have left half a line at the end.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


class Progress:
    """A bar over all images of the run, with images per second, loss and time left; silent unless on a terminal.

    `batch_line` and `epoch_lines` give the original's log lines.
    """

    def __init__(self, log: logging.Logger, frequent: int, batch: int, updates: int, begin: int):
        self._log, self._frequent, self._batch = log, frequent, batch
        self._bar = tqdm(total=updates * batch, initial=begin * batch, unit=" images", dynamic_ncols=True, disable=None)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._bar.close()

    def start_epoch(self, epoch: int) -> None:
        self._begin = self._tic = time.time()
        self._bar.set_description(f"epoch {epoch}", refresh=False)

    def batch_line(self, epoch: int, number: int, loss: float) -> None:
        """Counts one batch; `loss` is the epoch's running mean."""
        self._bar.update(self._batch)
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        if number and number % self._frequent == 0:
            now = time.time()
            speed = self._frequent * self._batch / max(now - self._tic, 1e-9)
            self._log.info(
                "Epoch[%d] Batch [%d]\tSpeed: %.2f samples/sec\tTrain-FCNLogLoss=%f,\t", epoch, number, speed, loss
            )
            self._tic = now

    def epoch_lines(self, epoch: int, loss: float) -> float:
        """Writes the epoch's lines and gives its seconds."""
        seconds = time.time() - self._begin
        self._log.info("Epoch[%d] Train-FCNLogLoss=%f", epoch, loss)
        self._log.info("Epoch[%d] Time cost=%.3f", epoch, seconds)
        return seconds
