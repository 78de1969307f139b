# SPDX-License-Identifier: Apache-2.0
"""Watches the processes of a training: they end well together, or as soon as one fails they are all ended."""

from __future__ import annotations

import selectors
import signal
import sys
import time

from lib.launch.member import Member
from lib.launch.plan import Job
from lib.run.program import tell

INTERRUPTED = 130
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 20.0
"""For workers that were asked to end to finish their update; for servers to see that all workers have ended."""
_DRAIN_SECONDS = 2.0


def watch(jobs: list[Job], ssh: list[str]) -> int:
    """Runs `jobs` to their end and gives the exit status: 0, 130 after SIGINT or SIGTERM, else that of who failed.

    None of the processes is left when this returns or raises, nor when this process is killed.
    """
    asked: list[int] = []
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in _SIGNALS}
    selector = selectors.DefaultSelector()
    members: list[Member] = []
    try:
        for job in jobs:
            members.append(Member(job, ssh, selector))
        return _watch(members, selector, asked)
    finally:
        for member in members:
            member.let_go()
        for member in members:
            member.close(_DRAIN_SECONDS)
        selector.close()
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _watch(members: list[Member], selector, asked: list[int]) -> int:
    workers = [member for member in members if member.is_worker]
    deadline, passed_on = None, 0
    while True:
        _pass_on_output(selector, _POLL_SECONDS)
        if len(asked) > passed_on:
            if passed_on or deadline:  # a second time: no more waiting
                return _end_all(members, selector, INTERRUPTED, "interrupted twice; ended all processes")
            passed_on = len(asked)
            deadline = time.monotonic() + _GRACE_SECONDS
            for member in workers:
                member.ask()
        ended = [(member, status) for member in members if (status := member.status) is not None]
        fine = (0, INTERRUPTED, 128 + signal.SIGTERM) if asked else (0, INTERRUPTED)
        failed = [(member, status) for member, status in ended if status not in fine]
        if failed:
            said = _report([member for member, _ in failed], len(members) - len(ended))
            return _end_all(members, selector, failed[0][1], *said)
        if len(ended) == len(members):
            return INTERRUPTED if any(member.status for member in members) else 0
        # MXNet lets a worker end only when all have; what is left after that has not noticed, and needs no patience.
        if deadline is None and any(member.status is not None for member in workers):
            deadline = time.monotonic() + _GRACE_SECONDS
        if deadline is not None and all(member.status is not None for member in workers):
            deadline = min(deadline, time.monotonic() + _DRAIN_SECONDS)
        if deadline is not None and time.monotonic() > deadline:
            status = INTERRUPTED if any(member.status for member in workers) else 0
            left = [member for member in workers if member.status is None]
            if not left:
                return _end_all(members, selector, status)
            names = ", ".join(member.name for member in left)
            status = INTERRUPTED if asked else 1
            late = f"{names} did not end within {_GRACE_SECONDS:.0f} s of the others or of being asked; killed"
            return _end_all(members, selector, status, late)


def _report(failed: list[Member], others: int) -> list[str]:
    lines = []
    for member in failed:
        lines += [f"{member.name} {member.ending}. Its last lines:", *(f"  {line}" for line in member.last)]
        if not member.last:
            lines[-1] = f"{member.name} {member.ending}. It wrote nothing."
    many = "1 process" if others == 1 else f"{others} processes"
    return [*lines, f"ended the other {many}. Once the cause is gone, the same command continues after the last epoch."]


def _end_all(members: list[Member], selector, status: int, *said: str) -> int:
    for member in members:
        member.let_go()
    end = time.monotonic() + _DRAIN_SECONDS
    while selector.get_map() and time.monotonic() < end:  # what they still had to say
        _pass_on_output(selector, _POLL_SECONDS)
    for line in said:
        tell(f"launch: {line}", sys.stderr)
    return status


def _pass_on_output(selector, seconds: float) -> None:
    if not selector.get_map():
        time.sleep(seconds)
        return
    for key, _ in selector.select(seconds):
        key.data.read(key.fileobj)
