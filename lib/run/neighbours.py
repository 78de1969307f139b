# SPDX-License-Identifier: Apache-2.0
"""Whether other programs use the cores that a training runs on, and what helps.

Threads of OpenMP that wait for each other spin. Where more of them run than there are cores, one that spins keeps one
that has work from its core, and two trainings side by side slow each other many times (docs/distributed.md).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from lib.run.watcher import Watcher

LOOK_SECONDS = 20.0
FEW = 0.5  # cores; what a machine does by the way is no neighbour


@dataclass(frozen=True)
class Spent:
    """Seconds: busy: that all programs together have worked on this process's cores; own: that this process has; wall:
    since some moment."""

    busy: float
    own: float
    wall: float


def spent() -> Spent:
    """Until now. Linux only, from /proc/stat."""
    cores = {f"cpu{number}".encode() for number in os.sched_getaffinity(0)}
    with open("/proc/stat", "rb") as file:
        rows = [line.split() for line in file]
    ticks = 0
    for name, *fields in rows:
        if name in cores:
            user, nice, system, _idle, _wait, irq, soft = map(int, fields[:7])
            ticks += user + nice + system + irq + soft
    return Spent(ticks / os.sysconf("SC_CLK_TCK"), time.process_time(), time.monotonic())


class WatchNeighbours(Watcher):
    """Tells once, as soon as it is so, that others use the cores that this training's threads are to run on.

    These are as many as `use_threads` has said. Says nothing where OMP_WAIT_POLICY is passive: waiting threads sleep
    then.
    """

    def __init__(self, log, look: Callable[[], Spent] = spent):
        self._log, self._look = log, look
        self._silent = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
        self._cores = len(os.sched_getaffinity(0))
        self._threads = int(os.environ.get("OMP_NUM_THREADS", self._cores))
        self._before = look() if not self._silent else Spent(0.0, 0.0, 0.0)

    def after_update(self) -> str:
        if self._silent or time.monotonic() - self._before.wall < LOOK_SECONDS:
            return ""
        now = self._look()
        others = ((now.busy - self._before.busy) - (now.own - self._before.own)) / (now.wall - self._before.wall)
        self._before = now
        if others > FEW and others + self._threads > self._cores:
            self._silent = True
            self._log.warning(
                "other programs use %.1f of the %d cores on which this training has %d threads. Threads that wait "
                "spin, so trainings side by side slow each other many times. Start each with OMP_WAIT_POLICY=passive, "
                "or each on cores of its own (taskset -c 0 ./train.sh CONFIG run.threads=1)",
                others, self._cores, self._threads,
            )  # fmt: skip
        return ""
