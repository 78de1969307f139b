# SPDX-License-Identifier: Apache-2.0
"""The state of all trials while they run: a live table in a terminal, a line for each event elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from experiments.sweeping.outcome import metric_name, number, parts_of
from experiments.sweeping.plan import Sweep


class Board:
    """rows: {trial name: {"state", and what is known of epoch, update, loss, seconds and the metric}}.

    parts: of the results, a column for each, see `parts_of`. on_change: called after each trial that ends, well or not.
    """

    def __init__(
        self, sweep: Sweep, finished: dict[str, dict], parts: Sequence[str] | None = None, on_change=lambda: None
    ):
        self.sweep, self._parts, self._on_change = sweep, parts, on_change
        self.rows = {trial.name: {"state": "waiting"} for trial in sweep.trials}
        self.errors: dict[str, str] = {}
        for name, numbers in finished.items():
            self.rows[name] = {"state": "finished before", **numbers}
        self._console = Console(file=sys.stderr)
        if not self._console.is_terminal:
            self._console.width = 160  # a file has no edge
        self._live = Live(get_renderable=self.table, console=self._console, refresh_per_second=2, transient=True)
        self._begin: dict[str, float] = {}

    def __enter__(self):
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_):
        self._live.stop()
        self._console.print(self.table())

    def started(self, name: str) -> None:
        self._begin[name] = time.monotonic()
        self.rows[name] = {"state": "running"}
        self._say(name, "started")

    def progress(self, name: str, now: dict) -> None:
        before = self.rows[name].get("epoch")
        self.rows[name].update(now)
        if now.get("epoch") != before:
            self._say(name, f"epoch {now.get('epoch')}, update {now.get('update')}, loss {now.get('loss'):.4f}")

    def finished(self, name: str, numbers: dict) -> None:
        self.rows[name] = {**self.rows[name], **numbers, "state": "finished"}
        value = number(numbers, self.sweep.metric)
        self._say(name, f"finished, {metric_name(self.sweep, [numbers])} {_number(value)}")
        self._on_change()

    def failed(self, name: str, text: str) -> None:
        self.rows[name]["state"] = "failed"
        self.errors[name] = text.strip()
        self._say(name, "failed")
        self._on_change()

    def table(self) -> Table:
        """One row per trial, in the order of the sweep's file."""
        states = [row["state"] for row in self.rows.values()]
        done = sum(state.startswith("finished") for state in states)
        table = Table(
            title=f"{self.sweep.name}: {done} of {len(states)} trials finished, {states.count('running')} running"
        )
        for key in self.sweep.keys:
            table.add_column(key.rpartition(".")[2])
        shown, parts = metric_name(self.sweep, self.rows.values()), parts_of(self._parts, self.rows.values())
        for heading in ("state", "epoch", "update", "loss", shown, *parts, "seconds"):
            table.add_column(heading, justify="left" if heading == "state" else "right")
        for trial in self.sweep.trials:
            row = self.rows[trial.name]
            running = row["state"] == "running"
            seconds = time.monotonic() - self._begin[trial.name] if running else row.get("seconds")
            numbers = [
                row.get("epochs", row.get("epoch")),
                row.get("update"),
                row.get("loss"),
                *(number(row, key) for key in (self.sweep.metric, *parts)),
            ]
            cells = [*(str(trial.point.get(key, "")) for key in self.sweep.keys), row["state"]]
            table.add_row(*cells, *map(_number, numbers), "" if seconds is None else f"{seconds:.0f}",
                          style={"running": "bold", "failed": "red"}.get(row["state"]))  # fmt: skip
        return table

    def _say(self, name: str, text: str) -> None:
        if not self._console.is_terminal:
            print(f"{time.strftime('%H:%M:%S')} {name}: {text}", file=sys.stderr, flush=True)


def _number(value) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
