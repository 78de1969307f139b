# SPDX-License-Identifier: Apache-2.0
"""A training tells that others use its cores, once, and only where that slows it."""

from __future__ import annotations

import logging
import os
import time

import pytest

from lib.run import neighbours
from lib.run.neighbours import Spent, WatchNeighbours, spent

CORES = len(os.sched_getaffinity(0))


def watch(caplog, monkeypatch, others: list[float], threads=CORES, policy="active", own=1.0) -> list[str]:
    """What is said when, of every ten seconds, this process works `own` and others work each of `others` cores."""
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    monkeypatch.setattr(neighbours, "LOOK_SECONDS", 0)
    told = [Spent(100.0, 5.0, -10.0)]
    for each in others:
        last = told[-1]
        told.append(Spent(last.busy + 10 * (own + each), last.own + 10 * own, last.wall + 10))
    looks = iter(told)
    watcher = WatchNeighbours(logging.getLogger("test"), lambda: next(looks))
    with caplog.at_level(logging.WARNING):
        for _ in others:
            assert watcher.after_update() == ""
    return [record.getMessage() for record in caplog.records]


def test_others_on_the_same_cores_are_told_once(caplog, monkeypatch):
    (said,) = watch(caplog, monkeypatch, [0.1, 1.0, 1.0])
    assert said.startswith(f"other programs use 1.0 of the {CORES} cores on which this training has {CORES} threads.")
    assert "OMP_WAIT_POLICY=passive" in said and "run.threads=1" in said


@pytest.mark.parametrize("more", [
    {"others": [0.4, 0.2]},  # what a machine does by the way
    {"others": [1.0], "threads": CORES - 1},  # there is room for all
    {"others": [1.0], "policy": "PASSIVE"},
    {"others": [], "threads": CORES},
])  # fmt: skip
def test_nothing_is_said_where_nothing_is_wrong(caplog, monkeypatch, more):
    assert watch(caplog, monkeypatch, **more) == []


def test_it_looks_now_and_then_only(caplog, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    looks = []
    watcher = WatchNeighbours(logging.getLogger("test"), lambda: looks.append(1) or spent())
    for _ in range(100):
        watcher.after_update()
    assert len(looks) == 1


def test_own_work_is_not_that_of_others():
    before = spent()
    while time.process_time() - before.own < 0.3:
        pass
    now = spent()
    assert 0.3 <= now.own - before.own < 1 and now.wall - before.wall >= 0.29
    assert now.busy - before.busy >= now.own - before.own - 0.1  # counted in steps of 10 ms
