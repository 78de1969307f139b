# SPDX-License-Identifier: Apache-2.0
"""Commands on a leash, and crews of them.

A command on a leash ends with the program that holds it, whatever ends that one, kill -9 included, and all that it has
started ends with it. leash.py, which stands between the two, sees to that.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LEASH = (sys.executable, "-S", str(Path(__file__).with_name("leash.py")))
PIPE = subprocess.PIPE
LOOK_SECONDS = 0.2
GRACE_SECONDS = 30.0
"""For a training that is asked to end to finish its update."""


@dataclass(frozen=True)
class Command:
    """What is run. env: what its environment has beside ours. cwd: '' is ours. lock: a file that is locked first; ''
    none. grace: seconds between asking and killing when its holder is gone. share: how many such commands share this
    machine's cores, 0 says nothing."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    lock: str = ""
    grace: float = 0.0
    share: int = 0


class Leashed:
    """A command that runs, behind a leash.

    way: a command that runs the leash elsewhere, as `ssh HOST` does; () is here. stdout, stderr: as in
    subprocess.Popen. stdin: number of a file that it reads from (here only); None: nothing.
    Raises OSError if the leash or the way cannot be started; a command that cannot gives status 127.
    """

    def __init__(self, command: Command, way: Sequence[str] = (), stdin: int | None = None, stdout=None, stderr=None):
        if way and any(shlex.quote(word) != word for word in LEASH):
            raise ValueError(f"{' '.join(LEASH)}: a remote shell would not take these paths as they are")
        # In its own session, so that a Ctrl-C in the terminal reaches the holder alone, who passes it on.
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [*way, *LEASH], stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, start_new_session=True,
            pass_fds=() if stdin is None else (stdin,),
        )  # fmt: skip
        assert self._process.stdin is not None  # it is a pipe
        self._orders, self.stdout, self.stderr = self._process.stdin, self._process.stdout, self._process.stderr
        job = {"argv": list(command.argv), "env": dict(command.env), "cwd": command.cwd or os.getcwd(),
               "lock": command.lock, "grace": command.grace, "stdin": stdin, "share": command.share}  # fmt: skip
        self._say(json.dumps(job).encode())

    @property
    def status(self) -> int | None:
        """None while it runs; its exit status, 128 + n if signal n ended it."""
        status = self._process.poll()
        return status if status is None or status >= 0 else 128 - status

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.status is None:
            return "still runs"
        number = self.status - 128
        if number > 0 and number in {each.value for each in signal.Signals}:
            return f"was killed by {signal.Signals(number).name}"
        return f"ended with exit status {self.status}"

    def ask(self) -> None:
        """Asks the command to end (SIGTERM to its process group)."""
        self._say(b"TERM")

    def let_go(self) -> None:
        """Makes the leash end the command as it does when its holder is gone: asked, and killed after its grace."""
        try:
            self._orders.close()
        except BrokenPipeError:
            return  # it has ended

    def wait(self, seconds: float | None = None) -> int | None:
        """Its status, or None if it still runs after `seconds`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return self.status

    def close(self, patience: float | None = None) -> None:
        """Lets go, and waits until nothing is left. patience: seconds after which the leash itself, or the way to it,
        is killed: the command's end is then its affair; None: for ever."""
        self.let_go()
        if self.wait(patience) is None:
            self._process.kill()
            self._process.wait()
        for stream in filter(None, (self.stdout, self.stderr)):
            stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _say(self, text: bytes) -> None:
        try:
            self._orders.write(text + b"\n")
            self._orders.flush()
        except (BrokenPipeError, ValueError):
            return  # it has ended, or was let go of; who waits for it will see that


@dataclass(frozen=True)
class Work:
    """Commands of which each starts when the one before has ended well. commands: (place) -> them, place being a number
    below the crew's size that no other running work has. log: a file to which they add what they say."""

    name: str
    commands: Callable[[int], Sequence[Command]]
    log: Path


class Crew:
    """Does works, at most `size` at a time, side by side.

    look: called again and again while they run. said: told a sentence when a work is done.
    Ctrl-C or SIGTERM asks the running commands to end and waits for them; after a second one they have their grace.
    """

    def __init__(self, size: int, look: Callable[[], None] = lambda: None, said: Callable[[str], None] = print):
        self._size, self._look, self._said = size, look, said
        self._running: dict[int, _Running] = {}

    def do(self, works: Iterable[Work]) -> list[str]:
        """Does all works and gives a sentence for each that failed. Raises KeyboardInterrupt if it was interrupted."""
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a batch system's Ctrl-C
        try:
            return self._do(deque(works))
        except KeyboardInterrupt:
            for one in self._running.values():
                one.leashed.ask()
            for one in self._running.values():
                one.leashed.wait()
            raise
        finally:
            for one in self._running.values():
                one.leashed.let_go()
            for one in self._running.values():
                one.leashed.wait()
            signal.signal(signal.SIGTERM, before)

    def _do(self, waiting: deque[Work]) -> list[str]:
        failed = []
        while waiting or self._running:
            for place in range(self._size):
                if waiting and place not in self._running:
                    work = waiting.popleft()
                    self._running[place] = _Running(work, deque(work.commands(place)))
            time.sleep(LOOK_SECONDS)
            self._look()
            for place, one in list(self._running.items()):
                if not one.goes_on():
                    del self._running[place]
                    failed += [one.failure] if one.failure else []
                    self._said(one.failure or f"{one.work.name}: done")
        return failed


class _Running:
    """A work that is being done. failure: what became of it if it has failed, else ''."""

    def __init__(self, work: Work, commands: deque[Command]):
        self.work, self._commands, self.failure = work, commands, ""
        work.log.parent.mkdir(parents=True, exist_ok=True)
        self._next()

    def goes_on(self) -> bool:
        status = self.leashed.status
        if status is None:
            return True
        self.leashed.close()
        if status:
            self.failure = (
                f"{self.work.name}: {shlex.join(self._command.argv)} {self.leashed.ending}, see {self.work.log}"
            )
        if status or not self._commands:
            return False
        self._next()
        return True

    def _next(self) -> None:
        self._command = self._commands.popleft()
        with open(self.work.log, "ab") as log:
            self.leashed = Leashed(self._command, stdout=log, stderr=log)
