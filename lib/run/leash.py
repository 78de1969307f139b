# SPDX-License-Identifier: Apache-2.0
"""Runs one command that never outlives who asked for it: what stands between a program and what it starts.

Standard input brings one line of JSON, the job, then stays open. The line `TERM` asks the command to end: SIGTERM to
its process group. The end of the input means that whoever asked is gone, in whatever way (kill -9, a broken ssh): the
command is asked to end, and killed after `grace` seconds. When this program ends, nothing is left that the command has
started. The exit status is the command's, 128 + n if signal n ended it, 127 if it could not be started.

    argv, cwd   the command and its folder
    env         what its environment has beside this program's
    grace       seconds between asking and killing; 0: it is killed at once
    lock        a file that is locked first, '' for none: of two commands with one lock the second waits for the first
    stdin       number of an inherited file that it reads from; null: there is nothing to read
    share       how many such commands share this machine's cores; 0 says nothing. Where the environment does not tell
                otherwise, each takes its part of them as threads, which sleep while they wait: threads that spin take
                the cores away from the others

It is two processes. The outer one only waits: Ray kills the children of its workers at once. The inner one, in a
session of its own, does the work. What either would leave behind if it were killed, the other one ends
(PR_SET_CHILD_SUBREAPER makes it the parent of what has lost its own).
Needs nothing but Python's own library, so that another machine can run it as a file.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time

CANNOT_START = 127
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_POLL_SECONDS = 0.1  # while it waits for a lock, or for an end that was asked for
_LIBC = ctypes.CDLL(None)


def main() -> int:
    """The outer process; gives the exit status."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    inner = os.fork()
    if not inner:
        os.setsid()
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return _hold(_Owner())
    child = 0
    while child != inner:
        child, code = os.wait()
    _kill_all()
    return _status(code)


class _Owner:
    """What the owner says. asked: for an end. gone: its end of the input is closed."""

    def __init__(self):
        self.asked = self.gone = False
        self._buffer = b""
        self._wakes, end = os.pipe()  # readable when a child has ended
        os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(end)

    def job(self) -> dict | None:
        """The first line; None if the owner is gone before it has come."""
        while b"\n" not in self._buffer and not self.gone:
            self._wait(None)
        line, end, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line) if end else None

    def listen(self, seconds: float | None) -> None:
        """Waits for a word of the owner or the end of a child, at most `seconds`."""
        self._wait(seconds)
        *lines, self._buffer = self._buffer.split(b"\n")
        self.asked = self.asked or b"TERM" in lines

    def _wait(self, seconds: float | None) -> None:
        ready, _, _ = select.select([self._wakes] if self.gone else [self._wakes, 0], [], [], seconds)
        if self._wakes in ready:
            os.read(self._wakes, 1 << 10)
        if 0 in ready:
            part = os.read(0, 1 << 16)
            self.gone = not part
            self._buffer += part


def _hold(owner: _Owner) -> int:
    """The inner process: does the job from its beginning to its end."""
    job = owner.job()
    if job is None:
        return 1
    with open(job["lock"] or os.devnull, "a", encoding="utf-8") as lock:  # held as long as it is open
        if job["lock"] and not _locked(lock, owner):
            return 128 + signal.SIGTERM
        try:
            child = _start(job)
        except OSError as error:
            print(f"cannot start {error.filename or job['argv'][0]}: {error.strerror}", file=sys.stderr)
            return CANNOT_START
        return _status(_follow(child.pid, job["grace"], owner))


def _locked(lock, owner: _Owner) -> bool:
    """Waits for the lock; False if an end was asked for meanwhile."""
    while not (owner.asked or owner.gone):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            owner.listen(_POLL_SECONDS)
    return False


def _start(job: dict) -> subprocess.Popen:
    environment = {**os.environ, **job["env"]}
    if job["share"]:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // job["share"])))
    if job["share"] > 1:
        environment.setdefault("OMP_WAIT_POLICY", "passive")
    leash = os.getpid()

    def die_with_it():
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != leash:  # it died before that
            os._exit(1)

    stdin = subprocess.DEVNULL if job["stdin"] is None else job["stdin"]
    child = subprocess.Popen(
        job["argv"], cwd=job["cwd"], env=environment, stdin=stdin, start_new_session=True, preexec_fn=die_with_it
    )
    if job["stdin"] is not None:
        os.close(job["stdin"])
    return child


def _follow(child: int, grace: float, owner: _Owner) -> int:
    """Waits until the command and, if it was asked to end, all it has started are gone; kills what is left.

    Gives the command's status as `os.wait` has it.
    """
    ended: dict[int, int] = {}
    told, until = False, None
    while _reap(ended) and not (child in ended and not told):
        if owner.gone and until is None:
            until = time.monotonic() + grace
        if until is not None and time.monotonic() >= until:
            break
        if (owner.asked or owner.gone) and not told:
            os.killpg(child, signal.SIGTERM)
            told = True
        owner.listen(_POLL_SECONDS if told else None)
    ended.update(_kill_all())
    return ended[child]


def _reap(ended: dict[int, int]) -> bool:
    """Adds the children that have ended to `ended`, {process: status}; False if none is left."""
    try:
        while True:
            child, code = os.waitpid(-1, os.WNOHANG)
            if not child:
                return True
            ended[child] = code
    except ChildProcessError:
        return False


def _kill_all() -> dict[int, int]:
    """Kills all descendants and waits for them: those of a child that dies become children of this process."""
    ended: dict[int, int] = {}
    while True:
        for child in _children():
            os.kill(child, signal.SIGKILL)
        try:
            child, code = os.wait()
        except ChildProcessError:
            return ended
        ended[child] = code


def _children() -> list[int]:
    """The children of this process, those that have ended and were not waited for included."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (OSError, ProcessLookupError):
            continue  # no process, or one that has just ended
        if int(fields[1]) == os.getpid():
            found.append(int(name))
    return found


def _status(code: int) -> int:
    """The exit status of a status that `os.wait` gave."""
    number = os.waitstatus_to_exitcode(code)
    return number if number >= 0 else 128 - number


if __name__ == "__main__":
    sys.exit(main())
