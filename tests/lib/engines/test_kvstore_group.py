# SPDX-License-Identifier: Apache-2.0
"""What a group of MXNet's workers adds, and what it refuses. (tests/deeplab/test_distributed.py runs real ones.)"""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from lib.engines.mxnet.group import NEEDED, RANK, KVStoreGroup, group_of
from lib.run.group import Alone, GroupError


def test_a_process_alone_is_a_group_of_one():
    for group in (Alone(), group_of("device")):
        assert (group.rank, group.size, group.first) == (0, 1, True)
        assert group.total([1, 2.5]).tolist() == [1, 2.5] and group.gather(7) == [7]
        group.agree("anything", 3)
    assert group_of("local").kvstore == "local"


def test_distributed_store_needs_the_launcher(monkeypatch):
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GroupError, match="'dist_sync' is for the workers that .*--workers N.*not set.*DMLC_ROLE"):
        group_of("dist_sync")
    for name in NEEDED:
        monkeypatch.setenv(name, "3")
    with pytest.raises(GroupError, match="not set here: DMLC_ROLE=worker"):
        group_of("dist_sync")


class Store:
    """A KVStore of several workers as seen by one: `others` is what the others add."""

    rank, num_workers = 1, 2

    def __init__(self, others):
        self._others = list(others)

    def init(self, key, value):
        pass

    def pushpull(self, key, array):
        array += mx.nd.array(self._others.pop(0))


@pytest.fixture
def group(monkeypatch):
    """group(*others): worker 1 of 2, to whose sums the other one adds `others`, and what it does at its exit."""
    for name in NEEDED:
        monkeypatch.setenv(name, "worker" if name == "DMLC_ROLE" else "2")
    monkeypatch.delenv(RANK, raising=False)
    registered = []
    monkeypatch.setattr("atexit.register", registered.append)

    def make(*others):
        monkeypatch.setattr(mx.kv, "create", lambda kind: Store(others))
        return group_of("dist_sync")

    make.at_exit = registered
    return make


def test_a_number_goes_in_three_parts_and_arrives_exactly(group):
    one = group([1, 0], [3, 0, 0, 0, 0, 0], [0] * 6)
    assert isinstance(one, KVStoreGroup) and (one.rank, one.size, one.first) == (1, 2, False)
    assert one.gather(4) == [3, 4] and one.gather(1 / 3) == [0, 1 / 3]


@pytest.mark.parametrize("value", [1e-300, 1 / 3, 2.0**53 - 1, -1e30, np.inf, np.nan])
def test_any_value_is_told_as_it_is(group, value):
    """Below float32's range it is 0, beyond it infinite; NaN stays NaN, and the neighbour's value is not touched."""
    zero, told = group([1, 0], [0] * 6).gather(value)
    assert zero == 0
    np.testing.assert_equal(told, value if abs(value) > 1e-40 or value != value else 0.0)


def test_workers_that_do_not_fit_are_refused(group, monkeypatch):
    one = group([1, 0], [5, 0, 0, 0, 0, 0])
    with pytest.raises(GroupError, match="the workers differ in images per epoch: worker 0: 5, worker 1: 6"):
        one.agree("images per epoch", 6)
    assert not group.at_exit
    monkeypatch.setenv(RANK, "0")
    with pytest.raises(GroupError, match=f"{RANK}: several of the 2 workers have one rank; this one has 0"):
        group([1, 0])
    monkeypatch.setenv(RANK, "2")
    with pytest.raises(GroupError, match=f"{RANK}: expected one of 0, 1, got '2'"):
        group()
    assert [each.__name__ for each in group.at_exit] == ["_leave"] * 2  # such a process must not wait for the others
