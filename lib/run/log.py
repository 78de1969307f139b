# SPDX-License-Identifier: Apache-2.0
"""What a training tells while it runs: a log with the original's lines, and in a terminal how far it is."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from tqdm import tqdm

from lib.run.metrics import as_line
from lib.run.program import tell

HEAD = "%(asctime)-15s %(message)s"


class _Console(logging.StreamHandler):
    """Writes above the progress bar instead of through it."""

    def emit(self, record):
        tell(self.format(record), sys.stderr)


class _File(logging.FileHandler):
    """Says once, and by name, that it cannot be written; the run goes on."""

    def handleError(self, record):  # noqa: N802  (logging's name)
        if not getattr(self, "told", False):
            self.told = True
            tell(f"warning: {self.baseFilename}: {sys.exc_info()[1]}; the log has gaps from here on", sys.stderr)


def open_log(folder: Path, name: str, first: bool = True) -> logging.Logger:
    """The run's log: standard error and <folder>/<name>_<date and time to the minute>.log.

    first: False for a worker that is not the first: it tells warnings, to standard error alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("active-convnets")
    for old in list(log.handlers):
        log.removeHandler(old)
        old.close()
    log.setLevel(logging.INFO if first else logging.WARNING)
    log.propagate = False
    handlers: list[logging.Handler] = [_Console()]
    if first:
        path = folder / f"{name}_{time.strftime('%Y-%m-%d-%H-%M')}.log"
        handlers.append(_File(path, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(HEAD))
        log.addHandler(handler)
    return log


class Progress:
    """A bar over all updates of the run: k of N, time left, loss; silent unless on a terminal.

    `batch_line` and `epoch_lines` give the original's log lines, each metric by its name.
    plan, task: see `lib.run.loop`. update: the last one before this start.
    """

    def __init__(self, plan, task, update: int):
        self._log, self._frequent, self._batch = plan.log, plan.frequent, task.per_update
        self._epochs, self._updates, self._losses = plan.end, task.updates, task.losses
        total = plan.end * task.updates
        self._bar = tqdm(total=total, initial=update, unit="update", dynamic_ncols=True, disable=None)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._bar.close()

    def start_epoch(self, epoch: int) -> None:
        self._begin = self._tic = time.time()
        self._bar.set_description(f"epoch {epoch + 1} of {self._epochs}", refresh=False)

    def batch_line(self, epoch: int, number: int, means: dict[str, float]) -> None:
        """Counts one batch; `means` are the epoch's running ones."""
        self._bar.update(1)
        self._bar.set_postfix_str(f"loss {as_line(means, self._losses)['loss']:.4f}", refresh=False)
        if number and number % self._frequent == 0:
            now = time.time()
            speed = self._frequent * self._batch / max(now - self._tic, 1e-9)
            told = "".join(f"Train-{name}={value:f},\t" for name, value in means.items())
            self._log.info("Epoch[%d] Batch [%d]\tSpeed: %.2f samples/sec\t%s", epoch, number, speed, told)
            self._tic = now

    def epoch_lines(self, epoch: int, means: dict[str, float]) -> float:
        """Writes the epoch's lines and gives its seconds."""
        seconds = time.time() - self._begin
        for name, value in means.items():
            self._log.info("Epoch[%d] Train-%s=%f", epoch, name, value)
        self._log.info("Epoch[%d] Time cost=%.3f", epoch, seconds)
        return seconds
