# SPDX-License-Identifier: Apache-2.0
"""What Ray runs for one trial, on whichever machine: its command on a leash, and reports of how far it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from experiments.sweeping import leash, outcome
from experiments.sweeping.plan import ROOT, Trial

REPORT_SECONDS = 1.0


def run_trial(trial: Trial, report: Callable[[dict], None]) -> dict:
    """Trains from wherever the trial was, in the project's folder; gives its numbers.

    report: told {update, epoch, loss} now and then. The command's words are added to <folder>/trial.log.
    Raises RuntimeError with the last of them if the command fails.
    """
    folder = Path(trial.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / outcome.LOG, "ab") as log:
        leashed = [sys.executable, leash.__file__, str(folder / ".leash"), *trial.command]
        process = subprocess.Popen(leashed, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                   start_new_session=True)  # fmt: skip
        try:
            _follow(process, folder, report)
        finally:
            process.stdin.close()
            process.wait()
    if process.returncode:
        said = outcome.last_words(folder)
        raise RuntimeError(
            f"{trial.command[0]} ended with status {process.returncode}; {folder / outcome.LOG} ends:\n{said}"
        )
    return outcome.conclude(trial)


def _follow(process, folder: Path, report) -> None:
    told: dict = {}
    while True:
        try:
            process.wait(REPORT_SECONDS)
            return
        except subprocess.TimeoutExpired:
            now = outcome.progress(folder)
            if now and now != told:
                report(now)
                told = now
