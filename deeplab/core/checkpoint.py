# SPDX-License-Identifier: Apache-2.0
"""Checkpoints, one per epoch: `prefix-0003.*` is the state after 3 complete epochs.

    prefix-symbol.json   the network                             prefix-0003.states   the optimiser's momentum
    prefix-0003.params   parameters, MXNet's format              prefix-0003.json     what the run was, written last
    prefix-0003.npz      offsets of the active convolutions, if the network has any

Each file appears complete or not at all, and the .json after all others: an epoch that has one is complete.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np

from deeplab.core import params
from deeplab.core.atomic import replacing, write_json


def save(prefix: Path, epoch: int, network, trainer, state: dict) -> None:
    """Writes the checkpoint of `epoch` complete epochs. state: plain data that goes into the .json."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with replacing(f"{prefix}-symbol.json") as new:
        network.symbol.save(str(new))
    params.save(_file(prefix, epoch, "params"), *network.to_numpy())
    with replacing(_file(prefix, epoch, "states")) as new:
        trainer.save_states(str(new))
    offsets = network.offsets()
    if offsets:
        with replacing(_file(prefix, epoch, "npz")) as new, open(new, "wb") as file:
            np.savez(file, **offsets)
    write_json(_file(prefix, epoch, "json"), {"epoch": epoch, **state})


def restore(prefix: Path, epoch: int, network, trainer) -> None:
    """Puts the parameters and the momentum of a checkpoint into `network` and `trainer`; settings stay `trainer`'s."""
    network.load(*params.load(find(prefix, epoch)))
    settings = trainer.optimizer
    # A pickle: read only from folders that this program wrote itself. It brings the optimiser of then along.
    trainer.load_states(str(_file(prefix, epoch, "states")))
    if settings.momentum and not trainer.optimizer.momentum:
        raise ValueError(f"TRAIN.momentum: 0 when {prefix} was trained, cannot become {settings.momentum} on the way")
    trainer.optimizer.wd, trainer.optimizer.momentum = settings.wd, settings.momentum


def remove_after(prefix: Path, epoch: int) -> None:
    """Deletes the checkpoints of later epochs: a run that goes back to `epoch` must not be mixed with what followed."""
    form = re.compile(re.escape(prefix.name) + r"-(\d{4,})\.\w+")
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
    return json.loads(_file(prefix, epoch, "json").read_text(encoding="utf-8"))


def read_offsets(prefix: Path, epoch: int) -> dict[str, np.ndarray]:
    """Offsets of the active convolutions by parameter name, (groups, groups, kh, kw, 2) as (y, x) in input pixels."""
    path = _file(prefix, epoch, "npz")
    if not path.exists():
        return {}
    with np.load(path) as saved:
        return dict(saved)


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


def _file(prefix: Path, epoch: int, ending: str) -> Path:
    return prefix.with_name(f"{prefix.name}-{epoch:04d}.{ending}")
