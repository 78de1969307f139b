# SPDX-License-Identifier: Apache-2.0
"""The folder of a run, <output_path>/<run name>/<image set>, and what may be done with what is in it."""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path

from lib.config import as_dict
from lib.run import checkpoint, results
from lib.run.atomic import write_json

# Keys that two runs of one training may differ in: where files and devices are, how a run is started and evaluated.
# (How many devices there are matters: they divide a batch. Engine and threads change the last bits only.)
PLACES = (
    *("BASE", "OVER", "SCALED", "output_path", "default.frequent", "default.kvstore", "engine", "gpus"),
    *("TRAIN.begin_epoch", "TRAIN.RESUME", "TEST.", "run.threads"),
)

# Keys that may change between two starts of one run: they do not change what any epoch computes.
MAY_CHANGE = (
    *(*PLACES, "TRAIN.end_epoch", "run.name", "dataset.test_image_set"),
    "run.cpus",  # how many devices there are in all, see `differences`
    *("run.on_explosion", "run.offset_limit", "run.max_rollbacks"),  # only when to end a run or go back in it
)


class FolderError(RuntimeError):
    """The output folder holds something that this run must not go on from or write over."""


def run_folder(cfg, image_set: str) -> Path:
    """<output_path>/<run name>/<image set>; the '+' between several image sets becomes '_', as in the original."""
    if not cfg.output_path:
        raise FolderError("output_path: expected the folder for results, got ''")
    return Path(cfg.output_path) / cfg.run.name / image_set.replace("+", "_")


def prefix(cfg) -> Path:
    """Where the checkpoints are: <training folder>/<TRAIN.model_prefix>."""
    return run_folder(cfg, cfg.dataset.image_set) / cfg.TRAIN.model_prefix


def results_path(cfg, zero_offsets: bool = False) -> Path:
    """The JSON file of an evaluation; its result pictures lie in the folder of the same name without '.json'."""
    return run_folder(cfg, cfg.dataset.test_image_set) / (results.ZERO_NAME if zero_offsets else results.NAME)


def write_results(path: Path, numbers: dict, predictor, zero_offsets: bool, facts: dict) -> None:
    """Writes an evaluation: what the system measured, of which parameters, and the facts (see `provenance`).

    Raises FloatingPointError, and writes nothing, where the value is no number: JSON has none such, and a ledger's
    means would be none either.
    """
    if not math.isfinite(numbers["value"]):
        raise FloatingPointError(f"{numbers['metric']} is {numbers['value']}: what {predictor.path} computes is not "
                                 "finite, or there was nothing to measure")  # fmt: skip
    whole = {"epoch": predictor.epoch, "checkpoint": str(predictor.path), "sha256": predictor.digest,
             "zero_offsets": zero_offsets, **numbers, **facts}  # fmt: skip
    write_json(path, whole)


def forget(place: Path, pattern: str) -> None:
    """Takes away what of this pattern an earlier evaluation kept there: of other data it may have other names."""
    for path in place.glob(pattern):
        path.unlink()


def read_results(cfg) -> tuple[dict, dict | None]:
    """The evaluation and, if there is one of the same parameters, that with offsets 0; see `results.read`."""
    return results.read(results_path(cfg))


def starting_epoch(cfg, resume: bool, devices: int | None = None) -> int:
    """How many complete epochs to go on from: 0 is a new run.

    A run of the same configuration goes on by itself. With `resume` (--resume or TRAIN.RESUME) one of another
    configuration does too, from TRAIN.begin_epoch or, if that is 0, from the last complete epoch.
    devices: see `differences`.
    Raises FolderError if the configuration differs without `resume`, if begin_epoch has no checkpoint, or comes without
    `resume`.
    """
    epochs = checkpoint.complete_epochs(prefix(cfg))
    if wanted := cfg.TRAIN.begin_epoch:
        if not resume:
            raise FolderError(f"TRAIN.begin_epoch: {wanted} needs --resume, for it removes the epochs after {wanted}; "
                              "0 begins a run, or goes on after its last epoch")  # fmt: skip
        if wanted not in epochs:
            raise FolderError(f"TRAIN.begin_epoch: {prefix(cfg)} has no complete epoch {wanted}, only {epochs}")
        return wanted
    if not epochs:
        return 0
    changes = differences(cfg, epochs[-1], devices)
    if changes and not resume:
        listed = "\n  ".join(changes)
        raise FolderError(
            f"{prefix(cfg).parent} holds {epochs[-1]} epochs of another configuration:\n  {listed}\n"
            "Give this run another name (run.name=...), remove that folder, or continue from it with --resume."
        )
    return epochs[-1]


def differences(cfg, epoch: int, devices: int | None = None) -> list[str]:
    """`key: old -> new` for every setting that matters and differs from those of the checkpoint.

    devices: those of all workers together, whose images make one update; not compared unless given.
    """
    state = checkpoint.read_state(prefix(cfg), epoch, ("config",))
    # A key that did not exist yet did what its default does.
    stored = {**flat(as_dict(type(cfg)())), **flat(state["config"])}
    old, new = that_matter(stored, _free(cfg)), settings_that_matter(cfg)
    if devices is not None and "devices" in state:
        old["devices of all workers"], new["devices of all workers"] = len(state["devices"]) * state["workers"], devices
    return changes(old, new)


def settings_that_matter(cfg) -> dict:
    """`section.key` -> value of all settings on which it depends what an epoch computes."""
    return that_matter(flat(as_dict(cfg)), _free(cfg))


def _free(cfg) -> tuple[str, ...]:
    """Under 'poly' every rate depends on how many epochs there will be."""
    return tuple(key for key in MAY_CHANGE if key != "TRAIN.end_epoch" or cfg.run.lr_policy != "poly")


def that_matter(settings: dict, free: tuple[str, ...] = MAY_CHANGE) -> dict:
    """Those of flat settings whose keys do not begin with one of `free`."""
    return {key: value for key, value in settings.items() if not key.startswith(free)}


def changes(old: dict, new: dict) -> list[str]:
    """`key: old -> new` for everything in which two flat dictionaries differ."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in keys]


class Lock:
    """Held while a process writes in a folder; a second one gets a FolderError. Released when the process ends.

    what: it does there, training, evaluating or inspecting; of each there is one at a time.
    """

    def __init__(self, folder: Path, what: str = "training"):
        path = folder / (".lock" if what == "training" else f".lock-{what}")
        while True:
            self._file = open(path, "a+", encoding="utf-8")  # open as long as the lock is held
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise FolderError(f"another process is {what} in {folder}") from None
            if _is_file_of(path, self._file):
                return
            self._file.close()  # the folder was removed, and perhaps made anew, before it was locked

    def release(self) -> None:
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.release()


def _is_file_of(path: Path, file) -> bool:
    """Whether an open file still is the one of that name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def flat(tree: dict, above: str = "") -> dict:
    """`section.key` -> value of nested dictionaries."""
    found = {}
    for key, value in tree.items():
        found.update(flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value})
    return found
