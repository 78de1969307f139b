# SPDX-License-Identifier: Apache-2.0
"""Reads what this program has written; a damaged file is told by its name, with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np


class DamagedFile(ValueError):
    """A file of this program is not as it was written. The text names it and says what to do."""


def read_json(path: str | Path, remedy: str, keys: Iterable[str] = (), kind: type = DamagedFile) -> dict:
    """The mapping in a JSON file. keys: it must have these. remedy: what to do if it is damaged. kind: of the error.

    Raises `kind`, or OSError if the file cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise kind(f"{path}: damaged ({error}); {remedy}") from None
    missing = [key for key in keys if key not in found] if isinstance(found, dict) else keys
    if missing or not isinstance(found, dict):
        what = f"no {', '.join(missing)} in it" if isinstance(found, dict) else "no mapping"
        raise kind(f"{path}: damaged ({what}); {remedy}")
    return found


def read_arrays(path: str | Path, remedy: str, kind: type = DamagedFile) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name. Raises `kind`, or OSError if the file cannot be opened."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as saved:
                return dict(saved)
        except Exception as error:  # a damaged zip or array can raise anything
            what = f"{type(error).__name__}: {error}"
            raise kind(f"{path}: damaged ({what}); {remedy}") from None
