# SPDX-License-Identifier: Apache-2.0
"""How a process ends, and what a forked one can do. A hang fails by the time limit of run_program."""

from __future__ import annotations

import pytest

LIMIT = 60  # seconds; each takes a few


@pytest.mark.parametrize("mode", ["imperative", "static_alloc", "static_shape"])
def test_a_process_that_ends_with_updates_pending_exits_0(run_program, mode):
    done = run_program("ends_pending.py", mode, "end of file", timeout=LIMIT)
    assert done.stdout == ""


@pytest.mark.parametrize("end, code", [("sys.exit", 3), ("exception", 1), ("os._exit", 4)])
def test_other_ends_keep_their_exit_code(run_program, end, code):
    assert run_program("ends_pending.py", "static_alloc", end, check=False, timeout=LIMIT).returncode == code


@pytest.mark.parametrize("case", ["numpy", "mxnet", "pending", "pool", "loader"])
def test_after_a_fork_parent_and_child_compute_the_same(run_program, case):
    assert run_program("forks.py", case, timeout=LIMIT).stdout.split() == ["True"]
