# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates what the ledger lacks: one process per run, several at a time, each resumed where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from experiments.report.settings import overlay

MODULES = ("deeplab.train", "deeplab.test")


@dataclass(frozen=True)
class Job:
    """One run to make. folder: where its checkpoints appear, one JSON file per epoch; log: what it says."""

    name: str
    command: tuple[str, ...]
    folder: Path
    epochs: int
    log: Path

    def done(self) -> int:
        """Complete epochs so far."""
        return sum(1 for _ in self.folder.glob("*-[0-9][0-9][0-9][0-9].json"))


def job(path: Path, data: str, settings: list[str], config: dict) -> Job:
    """The run of the configuration `path` on `data` with `settings`. config: what these come to.

    On Cityscapes each seed has a folder of its own in the output folder, for no setting there names the seed; a run of
    that seed which ./train.sh has begun beside them is gone on with.
    """
    output, seed = Path(config["output_path"]), config["run"]["seed"]
    if data == "cityscapes" and _seed_in(_folder(output, config)) != seed:
        output = output / f"seed{seed}"
        settings = [*settings, f"output_path={output}"]
    place = output / config["run"]["name"]
    return Job(
        name=f"{path.stem} seed {config['run']['seed']}",
        command=("--cfg", str(path), *overlay(data), *settings),
        folder=_folder(output, config),
        epochs=config["TRAIN"]["end_epoch"],
        log=place / "ledger.log",
    )


def _folder(output: Path, config: dict) -> Path:
    return output / config["run"]["name"] / config["dataset"]["image_set"].replace("+", "_")


def _seed_in(folder: Path) -> int | None:
    """The seed of the training in a folder, None if there is none."""
    record = folder / "run.json"
    return json.loads(record.read_text(encoding="utf-8"))["seed"] if record.is_file() else None


class Crew:
    """Runs jobs, at most `count` at a time. Ctrl-C ends the running ones after their update; all can be resumed."""

    def __init__(self, count: int):
        self._count = count
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def work(self, jobs: list[Job]) -> list[str]:
        """Does all jobs and gives a sentence for each that failed. Raises KeyboardInterrupt if it was interrupted."""
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a batch system's Ctrl-C
        try:
            return self._work(jobs)
        finally:
            signal.signal(signal.SIGTERM, before)

    def _work(self, jobs: list[Job]) -> list[str]:
        total, begin = sum(each.epochs for each in jobs), sum(each.done() for each in jobs)
        bar = {"total": total, "initial": begin, "unit": "epoch", "desc": f"{len(jobs)} runs", "disable": None}
        # In a terminal; elsewhere the lines of _one tell how far it is.
        with tqdm(**bar, dynamic_ncols=True) as bar, ThreadPoolExecutor(self._count) as pool:
            waiting = [pool.submit(self._one, each) for each in jobs]
            try:
                while not all(each.done() for each in waiting):
                    self._show(bar, jobs, waiting)
                    time.sleep(0.5)
            except KeyboardInterrupt:
                self._stop()
                raise
            self._show(bar, jobs, waiting)
        return [told for told in (each.result() for each in waiting) if told]

    def _show(self, bar, jobs, waiting) -> None:
        bar.n = sum(each.done() for each in jobs)
        bar.set_postfix_str(f"{sum(each.done() for each in waiting)} runs complete", refresh=False)
        bar.refresh()

    def _one(self, each: Job) -> str:
        if self._stopped:
            return ""
        each.log.parent.mkdir(parents=True, exist_ok=True)
        with open(each.log, "a", encoding="utf-8") as log:
            for module in MODULES:
                status = self._call([sys.executable, "-m", module, *each.command], log)
                if self._stopped:
                    return ""
                if status:
                    return f"{each.name}: {module} ended with status {status}, see {each.log}"
        tqdm.write(f"{each.name}: trained and evaluated")
        return ""

    def _call(self, command: list[str], log) -> int:
        with self._lock:
            if self._stopped:
                return 0
            # A session of its own: a Ctrl-C of the terminal reaches the runs through _stop alone, once.
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=_environment())
            self._running.add(process)
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def _environment() -> dict[str, str]:
    """Threads that wait must not spin: runs share the machine."""
    return {"OMP_WAIT_POLICY": "passive", **os.environ}
