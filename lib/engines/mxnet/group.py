# SPDX-License-Identifier: Apache-2.0
"""The workers of an MXNet KVStore."""

from __future__ import annotations

import atexit
import os
import sys

import mxnet as mx
import numpy as np

from lib.run.group import Alone, Group, GroupError

RANK = "DEEPLAB_RANK"
NEEDED = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")
_FIRST_KEY = 1 << 20  # of the sums' entries in the KVStore; those of the parameters count from 0


def group_of(kind: str) -> KVStoreAlone | KVStoreGroup:
    """The group of cfg.default.kvstore; this process alone for a KVStore of one process.

    Its `kvstore` is what gluon.Trainer takes. Raises GroupError if a distributed one was not started as such.
    """
    if not kind.startswith("dist_"):
        return KVStoreAlone(kind)
    missing = [name for name in NEEDED if name not in os.environ]
    if missing or os.environ["DMLC_ROLE"] != "worker":
        raise GroupError(
            f"default.kvstore: {kind!r} is for the workers that `./train.sh CONFIG --workers N` starts; "
            f"not set here: {', '.join(missing) or 'DMLC_ROLE=worker'}"
        )
    return KVStoreGroup(kind)


class KVStoreAlone(Alone):
    """One process that trains by itself. kvstore: the name of what adds its devices."""

    def __init__(self, kvstore: str):
        self.kvstore = kvstore

    def abandon(self) -> None:
        """Nobody waits for it."""


class KVStoreGroup(Group):
    """The workers of a `dist_*` KVStore; waits until all workers, servers and the scheduler have joined.

    The variable DEEPLAB_RANK says which rank this is; where it is not set, MXNet's order, which changes from start to
    start.
    """

    def __init__(self, kind: str):
        self._keys: dict[int, int] = {}
        self.kvstore = mx.kv.create(kind)
        self.size = self.kvstore.num_workers
        try:
            self.rank = self._own_rank()
        except GroupError:
            self.abandon()
            raise

    def by_rank(self, values: np.ndarray) -> np.ndarray:
        """A server adds float64 with less than its precision, in the order of arrival. So a number goes as three of
        float32, each in a place of its worker's own, where all others give 0. Beyond float32's range it is infinite.
        """
        parts = np.zeros((self.size, 3, values.size), np.float32)
        rest = np.array(values, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # infinities and NaN pass in the first part
            for part in parts[self.rank]:
                part[:] = rest
                rest = np.where(np.isfinite(part), rest - part, 0)
        return self._sum(parts.ravel()).reshape(parts.shape).astype(np.float64).sum(axis=1)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """The sum of the workers' float32 (n,)."""
        if values.size not in self._keys:
            self._keys[values.size] = _FIRST_KEY + len(self._keys)
            self.kvstore.init(self._keys[values.size], mx.nd.zeros(values.shape))
        array = mx.nd.array(values)
        self.kvstore.pushpull(self._keys[values.size], array)
        return array.asnumpy()

    def _own_rank(self) -> int:
        said = os.environ.get(RANK, str(self.kvstore.rank))
        ranks = [str(rank) for rank in range(self.size)]
        if said not in ranks:
            raise GroupError(f"{RANK}: expected one of {', '.join(ranks)}, got {said!r}")
        if any(self._sum(np.array([said == rank for rank in ranks], np.float32)) != 1):
            raise GroupError(f"{RANK}: several of the {self.size} workers have one rank; this one has {said}")
        return int(said)

    def abandon(self) -> None:
        """Makes this process, which fails, end at once at its exit: MXNet would keep it until all others have ended,
        who wait for it."""
        atexit.register(self._leave)  # runs first, and keeps the KVStore until then

    def _leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
