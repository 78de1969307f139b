# SPDX-License-Identifier: Apache-2.0
"""What a result was made with: enough to make it again, kept with every checkpoint and every evaluation."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from deeplab.config import as_dict

PACKAGES = ("mxnet", "mxnet-cu112", "mxnet-cu117", "numpy", "pillow")


def provenance(cfg, threads: int) -> dict:
    """Library versions, commit, command, machine, thread count, seed and configuration as plain data."""
    return {
        "commit": commit(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {"node": platform.node(), "processor": platform.machine(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **_versions()},
        "threads": threads,
        "seed": cfg.run.seed,
        "config": as_dict(cfg),
    }


def commit() -> str:
    """The git commit of this code, with '+changes' if files differ from it; 'unknown' outside a checkout."""
    root = Path(__file__).parents[2]
    try:
        name, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+changes" if changes else "")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # one of the MXNet builds is installed, not all
    return found
