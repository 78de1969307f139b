# SPDX-License-Identifier: Apache-2.0
"""One process of the group, as the launcher sees it: behind a leash, here or on another machine."""

from __future__ import annotations

import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TextIO

from lib.launch.plan import Job, PlanError

KEPT_LINES = 15
_LEASH = [sys.executable, "-S", str(Path(__file__).with_name("leash.py"))]


class Member:
    """Starts `job`. ssh: the command that, followed by a host and a command, runs that command there.

    name: 'worker 1', or 'worker 1 on HOST'. last: the last lines it wrote.
    """

    def __init__(self, job: Job, ssh: list[str], selector: selectors.BaseSelector):
        self.name = job.name + (f" on {job.host}" if job.host else "")
        self.is_worker = job.share > 0
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._label = f"[{job.name}] "
        self._ends: dict[int, tuple[bytes, TextIO]] = {}
        self._selector = selector
        command = [*ssh, job.host, *_LEASH] if job.host else _LEASH
        if job.host and any(shlex.quote(word) != word for word in _LEASH):
            raise PlanError(f"{' '.join(_LEASH)}: a remote shell would not take these paths as they are")
        pipe = subprocess.PIPE
        # In its own session, so that a Ctrl-C in the terminal reaches the launcher alone, which passes it on.
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        for stream, out in ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr)):
            os.set_blocking(stream.fileno(), False)
            self._ends[stream.fileno()] = (b"", out)
            selector.register(stream, selectors.EVENT_READ, self)
        content = {"argv": job.argv, "env": job.env, "cwd": os.getcwd(), "share": job.share}
        self._say(json.dumps(content).encode() + b"\n")

    @property
    def status(self) -> int | None:
        """None while it runs; its exit status, 128 + n if signal n ended it."""
        status = self._process.poll()
        return status if status is None or status >= 0 else 128 - status

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.status > 128 and self.status - 128 in {each.value for each in signal.Signals}:
            return f"was killed by {signal.Signals(self.status - 128).name}"
        return f"ended with exit status {self.status}"

    def read(self, stream) -> None:
        """Passes on what it has written, line by line, each with its name."""
        part = os.read(stream.fileno(), 1 << 16)
        rest, out = self._ends[stream.fileno()]
        if not part:
            self._selector.unregister(stream)
            self._tell([rest] if rest else [], out)
            return
        *lines, rest = (rest + part).split(b"\n")
        self._ends[stream.fileno()] = (rest, out)
        self._tell(lines, out)

    def terminate(self) -> None:
        """Asks the command itself to end."""
        self._say(b"TERM\n")

    def let_go(self) -> None:
        """Makes the leash kill the command, wherever it is."""
        if not self._process.stdin.closed:
            self._process.stdin.close()

    def kill(self) -> None:
        """Ends the leash, or the ssh to it, too, and waits for it."""
        self.let_go()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _say(self, text: bytes) -> None:
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; who watches it will see that

    def _tell(self, lines: list[bytes], out: TextIO) -> None:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            self.last.append(text)
            print(self._label + text, file=out, flush=True)
