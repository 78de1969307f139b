# SPDX-License-Identifier: Apache-2.0
"""The program: reads a sweep, runs what is not finished, writes the table and the plot."""

from __future__ import annotations

import argparse
import fcntl
import sys

from experiments.sweeping import outcome
from experiments.sweeping.plan import SweepError, check_settings, read_sweep

SET_UP = "scripts/setup.sh mxnet,deeplab,sweeps"


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0 all trials finished, 1 an error or a failed trial, 130 interrupted."""
    parser = argparse.ArgumentParser(
        "experiments/sweep.py",
        description="Train a configuration at many settings. The same command goes on after any interruption: finished "
        "trials are not done again, others go on from their last checkpoint.",
    )
    parser.add_argument("sweep", help="YAML file, see experiments/sweeps and docs/sweeps.md")
    parser.add_argument("--address", default="", help="of a Ray cluster (host:port, or 'auto'); default: this machine")
    parser.add_argument("--parts", nargs="?", const="", metavar="NAME,NAME",
                        help="table and summary.csv show these parts of the results, too (such as classes); all parts "
                        "where none is named")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print each trial's state and command, run nothing")
    options = parser.parse_args(arguments)
    try:
        sweep = read_sweep(options.sweep)
        done = {trial.name: numbers for trial in sweep.trials if (numbers := outcome.finished(trial)) is not None}
        if options.list:
            for trial in sweep.trials:
                print("finished" if trial.name in done else "to do   ", *trial.command)
            return 0
        check_settings(sweep, options.sweep)
        return _run(sweep, done, options)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is not finished", file=sys.stderr)
        return 130


def _run(sweep, done: dict[str, dict], options) -> int:
    try:
        from experiments.sweeping import engine, summary
        from experiments.sweeping.board import Board
    except ModuleNotFoundError as error:
        raise SweepError(f"the sweep's engine is not installed ({error.name} is missing): {SET_UP}") from None
    sweep.folder.mkdir(parents=True, exist_ok=True)
    with open(sweep.folder / ".lock", "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SweepError(f"{sweep.folder}: this sweep is already running") from None
        parts = None if options.parts is None else tuple(filter(None, options.parts.split(",")))
        board = Board(sweep, done, parts, on_change=lambda: summary.write_csv(sweep, board.rows, parts))
        left = [trial for trial in sweep.trials if trial.name not in done]
        try:
            with board:
                if left:
                    engine.run(sweep, left, board, options.address)
        finally:
            print(summary.write_csv(sweep, board.rows, parts))
            drawn = summary.draw(sweep, board.rows)
            if drawn:
                print(drawn)
    for name, text in board.errors.items():
        print(f"error: {name}: {text}", file=sys.stderr)
    states = {row["state"] for row in board.rows.values()}
    if states & {"waiting", "running"}:  # Ray Tune takes Ctrl-C for itself and comes back early
        raise KeyboardInterrupt
    return 1 if "failed" in states else 0
