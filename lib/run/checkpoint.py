# SPDX-License-Identifier: Apache-2.0
"""Checkpoints, one per epoch: `prefix-0003.*` is the state after 3 complete epochs.

    prefix-symbol.json        the network
    prefix-0003.params        parameters, MXNet's format
    prefix-0003.momentum.npz  the optimiser's state, arrays per parameter (lib/run/optimiser.py)
    prefix-0003.npz           offsets that are parameters, if the network has any
    prefix-0003.carried.npz   gradients that go into the next update, if any do (lib/run/carry.py)
    prefix-0003.json          what the run was, written last

Each file appears complete or not at all, and the .json after all others: an epoch that has one is complete. All are
plain data, the same from every engine: a run goes on with whichever.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lib.run import optimiser, params
from lib.run.atomic import write_arrays, write_json, write_text
from lib.run.damage import read_arrays, read_json


class CheckpointError(ValueError):
    """A file of a checkpoint cannot be used; the text names it and says what to do."""


def save(
    prefix: Path, epoch: int, engine, state: dict, graph: str, offsets: Mapping[str, np.ndarray], copies=lambda arg: {}
) -> None:
    """Writes the checkpoint of `epoch` complete epochs.

    state: plain data that goes into the .json. graph: the network's text. offsets: those that are parameters, by name.
    copies: see `lib.run.task.Task`.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    write_text(f"{prefix}-symbol.json", graph)
    parameters = _file(prefix, epoch, "params")
    arg, aux = engine.parameters()
    more = copies(arg)
    params.save(parameters, {**arg, **more}, aux)
    write_arrays(_file(prefix, epoch, "momentum.npz"), engine.momentum())
    told = {"copies": sorted(more)} if more else {}
    if offsets:
        write_arrays(_file(prefix, epoch, "npz"), offsets)
    write_json(_file(prefix, epoch, "json"), {"epoch": epoch, "params_sha256": digest(parameters), **told, **state})


def save_carried(prefix: Path, epoch: int, carried: Mapping[str, np.ndarray]) -> dict:
    """Writes what `Engine.carried` gave, before `save`; gives what goes into the `state` of that."""
    if not carried:
        return {}
    prefix.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(_file(prefix, epoch, "carried.npz"), carried)
    return {"carried": sorted(carried)}


def restore(prefix: Path, epoch: int, engine, momentum: float, optimizer: str = "sgd") -> None:
    """Puts parameters, momentum and carried gradients of a checkpoint into `engine`, which holds the network already.

    momentum, optimizer: those of TRAIN in this run. Raises CheckpointError, and changes nothing, for parameters of
    another network, for momentum that is not there or cannot be read, and for the state of another optimiser.
    """
    held, remedy = engine.parameters(), f"remove {_file(prefix, epoch, 'json')}, and the run goes on before it"
    try:
        content = (path := find(prefix, epoch)).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{error}; {remedy}") from None
    try:
        arg, aux = params.loads(path, content)
    except ValueError as error:
        raise CheckpointError(f"{error}; {remedy}") from None
    state = read_state(prefix, epoch)
    arg = {name: value for name, value in arg.items() if name not in state.get("copies", ())}
    try:
        params.check_fit({name: value.shape for part in held for name, value in part.items()}, held[1], arg, aux)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if state.get("params_sha256", digest_of(content)) != digest_of(content):
        raise CheckpointError(f"{path}: not the file that training wrote (its SHA-256 is another); {remedy}")
    before = read_momentum(prefix, epoch)
    carried = _load_arrays(_file(prefix, epoch, "carried.npz")) if "carried" in state else {}
    was = optimiser.kind_of(before)
    if (was or optimizer) != optimizer:
        raise CheckpointError(
            f"TRAIN.optimizer: {was!r} when {prefix} was trained, cannot become {optimizer!r} on the way"
        )
    if (momentum or optimizer != "sgd") and not before:
        raise CheckpointError(f"TRAIN.momentum: 0 when {prefix} was trained, cannot become {momentum} on the way")
    engine.load(arg, aux)
    engine.load_momentum(before)
    if carried:
        engine.load_carried(carried)


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
    form = re.compile(re.escape(prefix.name) + r"-(\d{4,})(\.momentum|\.carried)?\.\w+")
    found = [(path, form.fullmatch(path.name)) for path in prefix.parent.iterdir()]
    later = [path for path, match in found if match and int(match[1]) > epoch]
    for path in sorted(later, key=lambda path: path.suffix != ".json"):  # without its .json an epoch is not complete
        path.unlink()


def complete_epochs(prefix: Path) -> list[int]:
    """Numbers of the complete checkpoints, ascending."""
    form = re.compile(re.escape(prefix.name) + r"-(\d{4,})\.json")
    found = [form.fullmatch(path.name) for path in prefix.parent.glob("*.json")]
    return sorted(int(match[1]) for match in found if match)


def read_state(prefix: Path, epoch: int, keys: tuple[str, ...] = ()) -> dict:
    """The `state` that was saved with a checkpoint, and its `epoch`. keys: what it must have."""
    remedy = "remove it, and the run goes on from the epoch before"
    return read_json(_file(prefix, epoch, "json"), remedy, keys, CheckpointError)


def read_graph(prefix: Path) -> str:
    """The network's text. Raises CheckpointError for a damaged one."""
    path = Path(f"{prefix}-symbol.json")
    read_json(path, "remove the newest epoch's .json, and training makes both anew", (), CheckpointError)
    return path.read_text(encoding="utf-8")


def read_offsets(prefix: Path, epoch: int) -> dict[str, np.ndarray]:
    """Offsets of the active convolutions by parameter name, (groups, groups, kh, kw, 2) as (y, x) in input pixels."""
    path = _file(prefix, epoch, "npz")
    return _load_arrays(path) if path.exists() else {}


def find(prefix: Path, epoch: int) -> Path:
    """The .params file of an epoch. Raises FileNotFoundError that says which epochs there are."""
    path = _file(prefix, epoch, "params")
    if not path.is_file():
        there = sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}-*.params"))
        have = ", ".join(other.name for other in there) or "no checkpoint"
        raise FileNotFoundError(f"checkpoint {path} does not exist; the folder has {have}")
    return path


def digest(path: str | Path) -> str:
    """SHA-256 of a .params file, in hexadecimal digits: whether two evaluations are of the same parameters."""
    return digest_of(Path(path).read_bytes())


def digest_of(content: bytes) -> str:
    """The same of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_arrays(path, "remove this epoch's .json, and the run goes on before it", CheckpointError)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist, so this checkpoint is not complete; remove its .json") from None


def _file(prefix: Path, epoch: int, ending: str) -> Path:
    return prefix.with_name(f"{prefix.name}-{epoch:04d}.{ending}")
