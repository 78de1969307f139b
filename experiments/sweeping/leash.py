# SPDX-License-Identifier: Apache-2.0
"""Runs a command that must not outlive the sweep: python leash.py LOCK COMMAND ...

Whoever starts it keeps its standard input open. When that closes, because the sweep was killed, however roughly, the
command and all it started are asked to stop (SIGTERM: a training ends after its update) and after a while are made to.
Ray kills its workers' children at once when they end, so the one who holds the leash is a grandchild.
The lock keeps the same trial of the next sweep waiting until this one is really gone.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

GRACE = 30.0  # seconds between asking and killing
POLL = 0.05


def main() -> int:
    """Gives the command's exit status, 128 + n if signal n ended it."""
    holder = os.fork()
    if holder:
        _, status = os.waitpid(holder, 0)
        return os.waitstatus_to_exitcode(status)
    os.setsid()
    return hold(sys.argv[1], sys.argv[2:])


def hold(lock: str, command: list[str]) -> int:
    """Waits for the lock, runs the command and waits until nothing of it is left."""
    group: list[int] = []
    threading.Thread(target=_watch, args=(group,), daemon=True).start()
    with open(lock, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        group.append(process.pid)
        status = process.wait()
        _end(process.pid)  # a shell may end before what it runs
    return status if status >= 0 else 128 - status


def _watch(group: list[int]) -> None:
    while os.read(0, 1):  # nothing is ever written: it returns when the other end is closed
        pass
    if not group:
        os._exit(1)
    _signal(group[0], signal.SIGTERM)
    _end(group[0])


def _end(group: int) -> None:
    """Waits for the last process of a group, and kills what is left after a while."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end and _signal(group, 0):
        time.sleep(POLL)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
