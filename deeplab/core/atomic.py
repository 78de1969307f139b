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
        with open(new, "rb") as written:
            os.fsync(written.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def write_json(path: str | Path, content) -> None:
    """Writes `content` as indented JSON, completely or not at all."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
