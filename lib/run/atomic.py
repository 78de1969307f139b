# SPDX-License-Identifier: Apache-2.0
"""A file is either the old one or the complete new one, whenever the disk fills, the process or the machine stops."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives the path of a new file in the same folder, which takes the place of `path` when the block ends well.

    An OSError of the new file names `path`.
    """
    path = Path(path)
    new = _beside(path)
    try:
        yield new
        _to_disk(new)
        os.replace(new, path)
        _to_disk(path.parent)  # the name, too
    except OSError as error:
        if error.filename not in (None, str(new), new):  # of something else
            raise
        raise OSError(error.errno or 0, error.strerror or str(error), str(path)) from error
    finally:
        new.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """The file of this process that is to take the place of `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def check_writable(path: str | Path) -> None:
    """Makes the folder of a file that long work will write. Raises OSError naming `path` where it cannot be written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    trial = _beside(path)
    try:
        trial.touch()
    except OSError as error:
        raise OSError(error.errno or 0, error.strerror or str(error), str(path)) from error
    trial.unlink()


def write_bytes(path: str | Path, content) -> None:
    """Writes bytes, or a sequence of pieces of them, completely or not at all."""
    pieces = [content] if isinstance(content, (bytes, memoryview)) else content
    with replacing(path) as new, open(new, "wb") as file:
        for piece in pieces:
            file.write(piece)


def write_text(path: str | Path, text: str) -> None:
    """Writes text in UTF-8, completely or not at all."""
    write_bytes(path, text.encode())


def write_with(path: str | Path, save: Callable[[io.BytesIO], object]) -> None:
    """Writes what `save` writes into a file in memory, completely or not at all.

    For the savers of other libraries: what they do when a disk is full does not matter, for they never meet one.
    """
    memory = io.BytesIO()
    save(memory)
    write_bytes(path, memory.getbuffer())


def write_json(path: str | Path, content) -> None:
    """Writes `content` as indented JSON, completely or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], compressed: bool = False) -> None:
    """Writes arrays by name as .npz, completely or not at all; the same arrays in any order give one file."""
    save, ordered = np.savez_compressed if compressed else np.savez, dict(sorted(arrays.items()))
    write_with(path, lambda file: save(file, **ordered))


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
