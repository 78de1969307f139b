# SPDX-License-Identifier: Apache-2.0
"""The folder of a run, <output_path>/<run name>/<image set>, and what may be done with what is in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from lib.config import as_dict
from lib.run import checkpoint
from lib.run.atomic import write_json
from lib.run.damage import read_json

# Keys that may change between two starts of one run: they do not change what any epoch computes.
MAY_CHANGE = (
    *("BASE", "OVER", "SCALED", "output_path", "default.frequent"),
    *("TRAIN.begin_epoch", "TRAIN.end_epoch", "TRAIN.RESUME", "TEST."),
    *("engine", "default.kvstore", "gpus", "run.cpus"),  # where devices are; how many in all, see `differences`
    "run.threads",  # changes the last bits only; train.py says so
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
    return run_folder(cfg, cfg.dataset.test_image_set) / f"results{'_zero_offsets' if zero_offsets else ''}.json"


def write_results(path: Path, numbers: dict, predictor, zero_offsets: bool, facts: dict) -> None:
    """Writes an evaluation: what the system measured, of which parameters, and the facts (see `provenance`)."""
    whole = {"epoch": predictor.epoch, "checkpoint": str(predictor.path), "sha256": predictor.digest,
             "zero_offsets": zero_offsets, **numbers, **facts}  # fmt: skip
    write_json(path, whole)


def read_results(cfg) -> tuple[dict, dict | None]:
    """The evaluation and, if there is one of the same parameters, that with offsets 0."""
    path = results_path(cfg)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: evaluate first (./test.sh CONFIG)")
    results = _read_results(path)
    path = results_path(cfg, zero_offsets=True)
    zero = _read_results(path) if path.is_file() else None
    return results, zero if zero and zero["sha256"] == results["sha256"] else None


def _read_results(path: Path) -> dict:
    return read_json(path, "evaluate again (./test.sh CONFIG)", ("epoch", "sha256"))


def starting_epoch(cfg, resume: bool, devices: int | None = None) -> int:
    """How many complete epochs to go on from: 0 is a new run.

    A run of the same configuration goes on by itself. With `resume` (--resume or TRAIN.RESUME) one of another
    configuration does too, from TRAIN.begin_epoch or, if that is 0, from the last complete epoch.
    devices: see `differences`.
    Raises FolderError if the configuration differs without `resume`, or begin_epoch has no checkpoint.
    """
    epochs = checkpoint.complete_epochs(prefix(cfg))
    if resume and cfg.TRAIN.begin_epoch:
        wanted = cfg.TRAIN.begin_epoch
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
    state = checkpoint.read_state(prefix(cfg), epoch)
    # A key that did not exist yet did what its default does.
    stored = {**_flat(as_dict(type(cfg)())), **_flat(state["config"])}
    old, new = _that_matter(stored), settings_that_matter(cfg)
    if devices is not None and "devices" in state:
        old["devices of all workers"], new["devices of all workers"] = len(state["devices"]) * state["workers"], devices
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in changed]


def settings_that_matter(cfg) -> dict:
    """`section.key` -> value of all settings on which it depends what an epoch computes."""
    return _that_matter(as_dict(cfg))


def _that_matter(tree: dict) -> dict:
    return {key: value for key, value in _flat(tree).items() if not key.startswith(MAY_CHANGE)}


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


def _flat(tree: dict, above: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        flat.update(_flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value})
    return flat
