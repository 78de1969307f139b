# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys

# Before MXNet loads: on a busy machine, OpenMP threads that spin while they wait take whole seconds.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


@pytest.fixture
def run_program():
    """run_program(file of this folder, *arguments) -> the finished process; after `timeout` seconds the test fails."""

    def run(name, *arguments, check=True, timeout=120, **environment):
        paths = [PROJECT, os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, name), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    return run
