# SPDX-License-Identifier: Apache-2.0
"""How many threads a process uses is said before a framework loads, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.run.threads import FRAMEWORKS, use_threads

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_threads_must_be_set_before_a_framework_is_loaded(monkeypatch, framework):
    for each in FRAMEWORKS:
        monkeypatch.delitem(sys.modules, each, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert use_threads(7) == 7
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(sys.modules, framework, None)
    assert use_threads(0) == use_threads(1) == 1
    with pytest.raises(RuntimeError, match=f"run.threads: 7 threads asked for, but {framework} is already loaded"):
        use_threads(7)
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("setting", "environment", "expected"), [(3, "1", "3"), (0, "1", "1"), (0, None, None)])
def test_threads_reach_the_environment(setting, environment, expected):
    code = f"from lib.run.threads import use_threads as use; print(use({setting}))"
    code += "; import os; print(os.environ['OMP_NUM_THREADS'])"
    given = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    given.update({"OMP_NUM_THREADS": environment} if environment else {})
    out = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True, cwd=ROOT)
    expected = expected or str(len(os.sched_getaffinity(0)))
    assert out.stdout.split() == [expected, expected]


def test_less_than_none_is_refused():
    with pytest.raises(ValueError, match="expected at least 0 CPU threads, got -1"):
        use_threads(-1)
