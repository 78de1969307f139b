# SPDX-License-Identifier: Apache-2.0
"""How many CPU threads a process uses, which must be said before a framework is loaded."""

from __future__ import annotations

import os
import sys

FRAMEWORKS = ("mxnet", "torch")


def use_threads(count: int) -> int:
    """Makes the framework and our operators use `count` threads and gives their number; call it before either loads.

    count: cfg.run.threads; 0 keeps OMP_NUM_THREADS where it is set, else takes every core this process may use.
    Raises ValueError for a number below 0, RuntimeError if a framework is already loaded with another number.
    """
    before = os.environ.get("OMP_NUM_THREADS", "")
    if count < 0:
        raise ValueError(f"expected at least 0 CPU threads, got {count}")
    if count == 0:
        count = int(before) if before.isdigit() and int(before) > 0 else len(os.sched_getaffinity(0))
    loaded = [name for name in FRAMEWORKS if name in sys.modules]
    if loaded and before != str(count):
        number = before or "its own number"
        raise RuntimeError(f"run.threads: {count} threads asked for, but {loaded[0]} is already loaded with {number}")
    os.environ["OMP_NUM_THREADS"] = str(count)
    return count
