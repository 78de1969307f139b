# SPDX-License-Identifier: Apache-2.0
"""A file is either the old one or the complete new one, whenever the process or the machine stops."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives the path of a new file in the same folder, which takes the place of `path` when the block ends well."""
    path = Path(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield new
        _to_disk(new)
        os.replace(new, path)
        _to_disk(path.parent)  # the name, too
    finally:
        new.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_json(path: str | Path, content) -> None:
    """Writes `content` as indented JSON, completely or not at all."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
