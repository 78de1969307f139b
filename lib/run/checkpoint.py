# SPDX-License-Identifier: Apache-2.0
"""Checkpoints, one per epoch: `prefix-0003.*` is the state after 3 complete epochs.

    prefix-symbol.json        the network
    prefix-0003.params        parameters, MXNet's format
    prefix-0003.momentum.npz  the optimiser's momentum, an array per parameter
    prefix-0003.npz           offsets that are parameters, if the network has any
    prefix-0003.json          what the run was, written last

Each file appears complete or not at all, and the .json after all others: an epoch that has one is complete. All are
plain data, the same from every engine: a run goes on with whichever.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lib.run import params
from lib.run.atomic import replacing, write_json


class CheckpointError(ValueError):
    """A file of a checkpoint cannot be used; the text names it and says what to do."""


def save(prefix: Path, epoch: int, engine, state: dict, graph: str, offsets: Mapping[str, np.ndarray]) -> None:
    """Writes the checkpoint of `epoch` complete epochs.

    state: plain data that goes into the .json. graph: the network's text. offsets: those that are parameters, by name.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with replacing(f"{prefix}-symbol.json") as new:
        new.write_text(graph, encoding="utf-8")
    params.save(_file(prefix, epoch, "params"), *engine.parameters())
    _save_arrays(_file(prefix, epoch, "momentum.npz"), engine.momentum())
    if offsets:
        _save_arrays(_file(prefix, epoch, "npz"), offsets)
    write_json(_file(prefix, epoch, "json"), {"epoch": epoch, **state})


def restore(prefix: Path, epoch: int, engine, momentum: float) -> None:
    """Puts the parameters and the momentum of a checkpoint into `engine`, which holds the network already.

    momentum: TRAIN.momentum of this run. Raises CheckpointError, and changes nothing, for parameters of another network
    and for momentum that is not there or cannot be read.
    """
    path, held = find(prefix, epoch), engine.parameters()
    arg, aux = params.load(path)
    try:
        params.check_fit({name: value.shape for part in held for name, value in part.items()}, held[1], arg, aux)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    before = read_momentum(prefix, epoch)
    if momentum and not before:
        raise CheckpointError(f"TRAIN.momentum: 0 when {prefix} was trained, cannot become {momentum} on the way")
    engine.load(arg, aux)
    engine.load_momentum(before)


def read_momentum(prefix: Path, epoch: int) -> dict[str, np.ndarray]:
    """The optimiser's momentum by parameter. Raises CheckpointError for what an earlier version has left."""
    path, old = _file(prefix, epoch, "momentum.npz"), _file(prefix, epoch, "states")
    if not path.is_file() and old.is_file():
        raise CheckpointError(
            f"{old}: an earlier version's momentum, a pickle, which this program does not read (reading one can run "
            "code). Train this run to its end with the version that began it, or begin a new one (run.name=...) from "
            f"its parameters: network.pretrained={prefix} network.pretrained_epoch={epoch}"
        )
    return _load_arrays(path)


def remove_after(prefix: Path, epoch: int) -> None:
    """Deletes the checkpoints of later epochs: a run that goes back to `epoch` must not be mixed with what followed."""
    form = re.compile(re.escape(prefix.name) + r"-(\d{4,})(\.momentum)?\.\w+")
    found = [(path, form.fullmatch(path.name)) for path in prefix.parent.iterdir()]
    later = [path for path, match in found if match and int(match[1]) > epoch]
    for path in sorted(later, key=lambda path: path.suffix != ".json"):  # without its .json an epoch is not complete
        path.unlink()


def complete_epochs(prefix: Path) -> list[int]:
    """Numbers of the complete checkpoints, ascending."""
    form = re.compile(re.escape(prefix.name) + r"-(\d{4,})\.json")
    found = [form.fullmatch(path.name) for path in prefix.parent.glob("*.json")]
    return sorted(int(match[1]) for match in found if match)


def read_state(prefix: Path, epoch: int) -> dict:
    """The `state` that was saved with a checkpoint, and its `epoch`."""
    path = _file(prefix, epoch, "json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"{path}: damaged ({error}); remove it, and the run goes on from the epoch before"
        ) from None


def read_offsets(prefix: Path, epoch: int) -> dict[str, np.ndarray]:
    """Offsets of the active convolutions by parameter name, (groups, groups, kh, kw, 2) as (y, x) in input pixels."""
    path = _file(prefix, epoch, "npz")
    return _load_arrays(path) if path.exists() else {}


def find(prefix: Path, epoch: int) -> Path:
    """The .params file of an epoch. Raises FileNotFoundError that says which epochs there are."""
    path = _file(prefix, epoch, "params")
    if not path.is_file():
        there = sorted(prefix.parent.glob(f"{prefix.name}-*.params"))
        have = ", ".join(other.name for other in there) or "no checkpoint"
        raise FileNotFoundError(f"checkpoint {path} does not exist; the folder has {have}")
    return path


def digest(path: str | Path) -> str:
    """SHA-256 of a .params file, in hexadecimal digits: whether two evaluations are of the same parameters."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with replacing(path) as new, open(new, "wb") as file:
        np.savez(file, **arrays)


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as saved:
            return dict(saved)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist, so this checkpoint is not complete; remove its .json") from None
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path}: damaged ({error}); remove this epoch's .json, and the run goes on before it"
        ) from None


def _file(prefix: Path, epoch: int, ending: str) -> Path:
    return prefix.with_name(f"{prefix.name}-{epoch:04d}.{ending}")
