# SPDX-License-Identifier: Apache-2.0
"""Data sets that a program draws: a folder that appears when it is complete, with the settings that it was made by."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lib.data.picture_file import DatasetError
from lib.run.atomic import write_json
from lib.run.damage import read_json


def generate(folder: str | Path, settings, what: str, write: Callable[[Path], None]) -> bool:
    """Makes `folder` unless it is there already with the same settings; gives whether it was made.

    settings: a dataclass of plain data. what: is drawn, such as 'films'; the settings stand in <what>.json.
    write: fills an empty folder. Of several programs that need it at once one makes it.
    Raises DatasetError if the folder holds anything else; it is left alone.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_there(folder, settings, what):
            return False
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
        try:
            write(new)
            write_json(new / f"{what}.json", asdict(settings))
            new.chmod(0o755)
            os.rename(new, folder)  # over an empty folder too
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return True
    finally:
        os.close(lock)


def _is_there(folder: Path, settings, what: str) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    path = folder / f"{what}.json"
    if not path.is_file():
        raise DatasetError(
            f"{folder}: is there, but has no {path.name}: not drawn {what}, left alone; give another folder "
            "(dataset.dataset_path)"
        )
    there, asked = read_json(path, "remove the folder; it is drawn anew", kind=DatasetError), asdict(settings)
    if there != asked:
        keys = [key for key in {**there, **asked} if there.get(key) != asked.get(key)]
        told = ", ".join(f"{key} {there.get(key)} there, {asked.get(key)} asked" for key in keys)
        raise DatasetError(
            f"{folder}: holds {what} drawn with other settings ({told}); give another folder (dataset.dataset_path), "
            "or remove it"
        )
    return True
