# SPDX-License-Identifier: Apache-2.0
"""How many CPU threads a run uses. MXNet's OpenMP reads this once, when it is loaded; so must we set it before."""

from __future__ import annotations

import os
import sys


def use_threads(count: int) -> int:
    """Makes MXNet and our operators use `count` threads and gives their number; call it before MXNet is imported.

    count: cfg.run.threads; 0 keeps OMP_NUM_THREADS where it is set, else takes every core this process may use.
    Raises RuntimeError if MXNet is already loaded with another number.
    """
    before = os.environ.get("OMP_NUM_THREADS", "")
    if count == 0:
        count = int(before) if before.isdigit() and int(before) > 0 else len(os.sched_getaffinity(0))
    if "mxnet" in sys.modules and before != str(count):
        loaded = before or "its own number"
        raise RuntimeError(f"run.threads: {count} threads asked for, but MXNet is already loaded with {loaded}")
    os.environ["OMP_NUM_THREADS"] = str(count)
    return count
