# SPDX-License-Identifier: Apache-2.0
"""run.json, in every folder that a program writes results to: what was run, with what, when, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from lib.run.atomic import write_json
from lib.run.damage import read_json

NAME = "run.json"
REMEDY = "remove it: the next training or evaluation in this folder writes a new one"


@contextmanager
def recorded(folder: Path, facts: dict) -> Iterator[None]:
    """Keeps <folder>/run.json while the block runs; the folder must exist.

    The file holds `facts` (see `provenance`) and `status` (running, done, interrupted, failed), `error` (the text, or
    null), `started`, `ended` (UTC, ISO 8601; `ended` is null while it runs) and `seconds` (wall time). A process that
    was killed leaves `running`. `earlier` lists what earlier runs in this folder left, oldest first.
    """
    path = folder / NAME
    earlier = []
    if path.exists():
        before = read_json(path, REMEDY)
        earlier = [*before.pop("earlier", []), before]
    record = {"status": "running", "error": None, "started": _now(), "ended": None, "seconds": None, **facts}
    write_json(path, {**record, "earlier": earlier})
    clock = time.monotonic()
    try:
        yield
        record["status"] = "done"
    except KeyboardInterrupt:
        record["status"] = "interrupted"
        raise
    except BaseException as error:
        record["status"], record["error"] = "failed", f"{type(error).__name__}: {error}"
        raise
    finally:
        record["ended"], record["seconds"] = _now(), round(time.monotonic() - clock, 3)
        write_json(path, {**record, "earlier": earlier})


def read_record(folder: Path) -> dict:
    """The content of <folder>/run.json. Raises DamagedFile."""
    return read_json(folder / NAME, REMEDY, ("config",))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
