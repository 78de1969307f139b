# SPDX-License-Identifier: Apache-2.0
"""What a result was made with: enough to make it again, kept with every run, checkpoint and evaluation."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from lib.config import as_dict

PACKAGES = ("mxnet", "mxnet-cu112", "mxnet-cu117", "torch", "numpy", "pillow")
# Settings of the environment that change speed or last bits.
SETTINGS = ("ACTIVE_CONVNETS_", "DMLC_", "DNNL_", "GOMP_", "MXNET_", "MKLDNN_", "OMP_", "PS_", "CUDA_VISIBLE_DEVICES")


def provenance(cfg, threads: int, engine) -> dict:
    """Plain data: commit and dirty, command, machine, versions, threads, instruction set, devices, seed, configuration.

    threads: of MXNet, as `use_threads` gave it. `operator_threads` are our kernels', `instruction_set` the level of
    x86-64 that they use (v2, v3, v4), `environment` the variables that change speed or last bits. `dirty` says whether
    files differ from the commit; both are null outside a checkout.
    """
    name, dirty = commit()
    return {
        "commit": name,
        "dirty": dirty,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {
            "node": platform.node(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "usable_cores": len(os.sched_getaffinity(0)),
            "system": platform.platform(),
        },
        **engine.facts(),
        "versions": {**engine.facts()["versions"], "python": platform.python_version(), **_versions()},
        "engine": engine.name,
        "threads": threads,
        "devices": list(engine.devices),
        "environment": {key: value for key, value in sorted(os.environ.items()) if key.startswith(SETTINGS)},
        "seed": cfg.run.seed,
        "config": as_dict(cfg),
    }


def commit() -> tuple[str | None, bool | None]:
    """The git commit of this code and whether files differ from it; (None, None) outside a checkout."""
    root = Path(__file__).parents[2]
    try:
        return _git(root, "rev-parse", "HEAD"), bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        named = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
        return next(named, platform.machine())


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # one of the MXNet builds is installed, not all
    return found
