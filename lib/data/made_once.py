# SPDX-License-Identifier: Apache-2.0
"""A generated data set's folder: made where it is not there, appearing when it is complete, and never mixed with
another."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lib.data.picture_file import DatasetError
from lib.run.atomic import write_json
from lib.run.damage import read_json


def made_once(folder: str | Path, what: str, settings: Any, make: Callable[[Path], object]) -> bool:
    """Calls make(an empty folder), which then becomes `folder`, unless that holds what these settings make.

    what: the data's name, for errors. settings: a dataclass, kept beside the data in <what>.json.
    Gives whether it was made. Raises DatasetError if the folder holds anything else.
    """
    folder, name = Path(folder), f"{what.replace(' ', '_')}.json"
    if _is_there(folder, what, name, settings):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        make(new)
        write_json(new / name, asdict(settings))
        new.chmod(0o755)
        try:
            os.rename(new, folder)  # over an empty folder too
        except OSError:
            if not _is_there(folder, what, name, settings):  # of several runs that need it at once, one was first
                raise
            return False
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return True


def _is_there(folder: Path, what: str, name: str, settings: Any) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    path = folder / name
    if not path.is_file():
        raise DatasetError(
            f"{folder}: is there, but has no {name}: not {what}, left alone; give another folder (dataset.dataset_path)"
        )
    there = read_json(path, f"remove the folder; its {what} are drawn anew", kind=DatasetError)
    if there != asdict(settings):
        raise DatasetError(
            f"{folder}: holds {what} drawn with {there}, not with {asdict(settings)}; give another folder "
            "(dataset.dataset_path), or remove it"
        )
    return True
