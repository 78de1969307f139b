# SPDX-License-Identifier: Apache-2.0
"""What Ray runs for one trial, on whichever machine: its command on a leash, and reports of how far it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from experiments.sweeping import outcome
from experiments.sweeping.plan import Trial
from lib.run.processes import GRACE_SECONDS, Command, Leashed
from lib.system import ROOT

REPORT_SECONDS = 1.0


def run_trial(trial: Trial, report: Callable[[dict], None]) -> dict:
    """Trains from wherever the trial was, in the project's folder; gives its numbers.

    report: told {update, epoch, loss} now and then. The command's words are added to <folder>/trial.log.
    Raises RuntimeError with the last of them if the command fails.
    """
    folder = Path(trial.folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = Command(
        trial.command,
        env={"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive")},  # trials run side by side
        cwd=str(ROOT),
        lock=str(folder / ".leash"),  # of the next sweep it waits until this one is really gone
        grace=GRACE_SECONDS,
    )
    with open(folder / outcome.LOG, "ab") as log, Leashed(command, stdout=log, stderr=log) as running:
        told: dict = {}
        while running.wait(REPORT_SECONDS) is None:
            now = outcome.progress(folder)
            if now and now != told:
                report(now)
                told = now
    if running.status:
        said = outcome.last_words(folder)
        raise RuntimeError(f"{trial.command[0]} {running.ending}; {folder / outcome.LOG} ends:\n{said}")
    return outcome.conclude(trial)
