# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates what the ledger lacks: commands on leashes, several at a time, each resumed where it stopped."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from experiments.ledger.book import Data
from experiments.ledger.settings import gpus_of, overlay, resolve
from lib.run import checkpoint, folder
from lib.run.processes import GRACE_SECONDS, Command, Crew, Work
from lib.run.record import NAME, read_record

PROGRAMS = ("lib.commands.train", "lib.commands.test")


@dataclass(frozen=True)
class Job:
    """One run to make. settings: what is laid over its configuration. cfg: what that comes to."""

    path: Path
    settings: tuple[str, ...]
    cfg: object

    def done(self) -> int:
        """Complete epochs so far."""
        return len(checkpoint.complete_epochs(folder.prefix(self.cfg)))

    def work(self, side_by_side: int) -> Work:
        """Training and evaluation. side_by_side: runs at a time, which divide the machine's cores and their GPUs."""
        place = Path(self.cfg.output_path) / self.cfg.run.name
        name = f"{self.path.stem} seed {self.cfg.run.seed}"
        return Work(name, lambda number: self._commands(number, side_by_side), place / "ledger.log")

    def _commands(self, number: int, side_by_side: int) -> list[Command]:
        gpus = self.cfg.gpus.split(",")
        each = len(gpus) // side_by_side
        own = [f"gpus='{','.join(gpus[number * each : (number + 1) * each])}'"] if self.cfg.gpus else []
        words = [str(self.path), *self.settings, *own]
        return [Command([sys.executable, "-m", program, *words], grace=GRACE_SECONDS, share=side_by_side)
                for program in PROGRAMS]  # fmt: skip


def job(path: Path, data: Data, settings: list[str]) -> Job:
    """The run of the configuration `path` on `data` with `settings`.

    At the published size each seed has a folder of its own in the output folder, for no setting there names the seed; a
    run of that seed which ./train.sh has begun beside them is gone on with.
    """
    settings = [*overlay(data), *settings]
    cfg = resolve(path, data, *settings)
    if data.comparable and _seed_in(folder.prefix(cfg).parent) != cfg.run.seed:
        settings.append(f"output_path={Path(cfg.output_path) / f'seed{cfg.run.seed}'}")
        cfg = resolve(path, data, *settings)
    return Job(path, tuple(settings), cfg)


def check_devices(jobs: list[Job], side_by_side: int, wanted: dict[str, dict]) -> None:
    """Raises ValueError if runs side by side would share GPUs. wanted: {configuration's name: what the line has}."""
    for each in jobs:
        have, need = gpus_of(each.cfg.gpus), side_by_side * gpus_of(wanted[each.path.stem]["gpus"])
        if side_by_side > 1 and have and have != need:
            raise ValueError(
                f"--jobs {side_by_side}: each run needs GPUs of its own; expected {need} in gpus, got {each.cfg.gpus!r}"
            )


def make(jobs: list[Job], side_by_side: int) -> list[str]:
    """Makes all runs and gives a sentence for each that failed. Raises KeyboardInterrupt if it was interrupted."""
    total, begin = sum(each.cfg.TRAIN.end_epoch for each in jobs), sum(each.done() for each in jobs)
    # In a terminal; elsewhere the lines that tell of each run say how far it is.
    bar = tqdm(total=total, initial=begin, unit="epoch", desc=f"{len(jobs)} runs", disable=None, dynamic_ncols=True)

    def look() -> None:
        bar.n = sum(each.done() for each in jobs)
        bar.refresh()

    with bar:
        return Crew(side_by_side, look, tqdm.write).do([each.work(side_by_side) for each in jobs])


def _seed_in(place: Path) -> int | None:
    """The seed of the training in a folder, None if there is none."""
    return read_record(place)["seed"] if (place / NAME).is_file() else None
