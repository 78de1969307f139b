# SPDX-License-Identifier: Apache-2.0
"""What machine this is, and how busy it is. Linux only: everything is read from /proc."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

from operators import library
from operators.gpu_suite.result import commit
from operators.version import __version__

ROOT = Path(__file__).resolve().parents[2]
_SETTINGS = ("ACTIVE_CONVNETS_ISA", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "MXNET_ENGINE_TYPE")


def describe() -> dict:
    """Processor, cores, memory and system, the commit and the compiled library, and settings that change speed."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "active_convnets": __version__,
        "commit": commit(),
        "library_sha256": hashlib.sha256(Path(library.LIBRARY_PATH).read_bytes()).hexdigest()[:16],
        "environment": {name: os.environ[name] for name in _SETTINGS if name in os.environ},
        "command": ["python", "-m", "benchmarks.operators", *sys.argv[1:]],
    }


def usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def load_average() -> list:
    """Of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def busy_seconds() -> float:
    """Core seconds that the whole machine has worked, and that other guests of its host have taken, since boot."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _field(path: str, name: str) -> str:
    with open(path) as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(name)), "")
