# SPDX-License-Identifier: Apache-2.0
"""Runs a command as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def call(place, module: str, *arguments: str, status: int = 0) -> str:
    """What `python -m module arguments` says, on both streams, in the folder `place`. status: what it must end with."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=place, env=environment, text=True, capture_output=True, timeout=600)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr
