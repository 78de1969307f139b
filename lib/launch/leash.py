# SPDX-License-Identifier: Apache-2.0
"""Runs one command and never outlives who asked for it: what stands between the launcher and each process.

Standard input brings one line of JSON, {"argv": [...], "env": {...}, "cwd": "...", "share": n}, then stays open. The
line `TERM` passes SIGTERM on; the end of the input (the launcher, or the ssh that leads here, has ended in whatever
way) kills the command. The exit status is the command's, 128 + n if signal n ended it.
share: the workers on this machine; where the number of threads is not set, each takes its part of the cores.

Needs nothing but Python's own library, so that a remote machine can run it as a file.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys

_POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _quit)
    buffer = b""
    while b"\n" not in buffer:
        part = os.read(0, 1 << 16)
        if not part:
            return 1
        buffer += part
    job, _, buffer = buffer.partition(b"\n")
    child = _start(json.loads(job))
    try:
        while child.poll() is None:
            if not select.select([0], [], [], _POLL_SECONDS)[0]:
                continue
            part = os.read(0, 1 << 16)
            if not part:
                break
            *lines, buffer = (buffer + part).split(b"\n")
            if b"TERM" in lines:
                child.terminate()
    finally:
        _kill(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _start(job: dict) -> subprocess.Popen:
    environment = {**os.environ, **job["env"]}
    if job.get("share"):
        environment.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // job["share"])))
    leash = os.getpid()

    def die_with_it():
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != leash:  # it died before that
            os._exit(1)

    return subprocess.Popen(
        job["argv"], cwd=job["cwd"], env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=die_with_it,
    )  # fmt: skip


def _kill(child: subprocess.Popen) -> None:
    """The command and what it has started; nothing is left when this returns."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended, and so has all that it had started
    finally:
        child.wait()


def _quit(number, _) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
