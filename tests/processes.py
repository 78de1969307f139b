# SPDX-License-Identifier: Apache-2.0
"""Finds the processes of a test by a variable of their environment that names it."""

from __future__ import annotations

import time
from pathlib import Path

MARK = "LAUNCH_TEST"


def marked(name: str) -> dict[int, tuple[str, dict[str, str]]]:
    """{pid: (command line, environment)} of the living processes whose environment has LAUNCH_TEST=name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "environ").read_text(errors="replace")
            line = (path / "cmdline").read_text(errors="replace").replace("\0", " ")
        except (OSError, ProcessLookupError):
            continue  # it has just ended, or is another user's
        environment = dict(each.partition("=")[::2] for each in text.split("\0"))
        if environment.get(MARK) == name and line:  # one that waits for its parent has no command line
            found[int(path.name)] = (line, environment)
    return found


def wait_until(condition, seconds: float, what: str) -> float:
    """The seconds it took; fails after `seconds`."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"still not after {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin
