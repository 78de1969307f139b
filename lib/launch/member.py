# SPDX-License-Identifier: Apache-2.0
"""One process of the group, as the launcher sees it: on a leash, here or on another machine."""

from __future__ import annotations

import os
import selectors
import sys
from collections import deque
from typing import TextIO

from lib.launch.plan import Job
from lib.run.processes import PIPE, Command, Leashed
from lib.run.program import tell

KEPT_LINES = 15


class Member(Leashed):
    """Starts `job` and passes on what it writes. ssh: the command that, followed by a host and a command, runs that
    command there.

    name: 'worker 1', or 'worker 1 on HOST'. last: the last lines it wrote.
    """

    def __init__(self, job: Job, ssh: list[str], selector: selectors.BaseSelector):
        command, way = Command(job.argv, job.env, share=job.share), [*ssh, job.host] if job.host else []
        super().__init__(command, way, stdout=PIPE, stderr=PIPE)
        self.name = job.name + (f" on {job.host}" if job.host else "")
        self.is_worker = job.share > 0
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._label = f"[{job.name}] "
        self._rests: dict[int, tuple[bytes, TextIO]] = {}
        self._selector = selector
        for stream, out in ((self.stdout, sys.stdout), (self.stderr, sys.stderr)):
            assert stream is not None  # it is a pipe
            os.set_blocking(stream.fileno(), False)
            self._rests[stream.fileno()] = (b"", out)
            selector.register(stream, selectors.EVENT_READ, self)

    def read(self, stream) -> None:
        """Passes on what it has written, line by line, each with its name."""
        part = os.read(stream.fileno(), 1 << 16)
        rest, out = self._rests[stream.fileno()]
        if not part:
            self._selector.unregister(stream)
            self._tell([rest] if rest else [], out)
            return
        *lines, rest = (rest + part).split(b"\n")
        self._rests[stream.fileno()] = (rest, out)
        self._tell(lines, out)

    def _tell(self, lines: list[bytes], out: TextIO) -> None:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            self.last.append(text)
            tell(self._label + text, out)
