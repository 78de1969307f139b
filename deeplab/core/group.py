# SPDX-License-Identifier: Apache-2.0
"""The processes that train one network together: who this one is, and sums over all of them."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence

import mxnet as mx
import numpy as np

RANK = "DEEPLAB_RANK"
NEEDED = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")
_FIRST_KEY = 1 << 20  # of the sums' entries in the KVStore; those of the parameters count from 0


class GroupError(RuntimeError):
    """The processes of a distributed training do not fit together."""


def size_of(kind: str) -> int:
    """How many workers a KVStore of this kind will have, without waiting for them. Raises GroupError as Group does."""
    if not kind.startswith("dist_"):
        return 1
    missing = [name for name in NEEDED if name not in os.environ]
    if missing or os.environ["DMLC_ROLE"] != "worker":
        raise GroupError(
            f"default.kvstore: {kind!r} is for the workers that `python -m deeplab.launch` (./train.sh CONFIG "
            f"--workers N) starts; not set here: {', '.join(missing) or 'DMLC_ROLE=worker'}"
        )
    return int(os.environ["DMLC_NUM_WORKER"])


class Group:
    """The workers of a KVStore; this process alone, at no cost, for a KVStore of one process.

    kind: cfg.default.kvstore. A `dist_*` one waits until all workers, servers and the scheduler have joined.
    rank, size: this process among the workers, and how many they are. The one of rank 0 writes all files. The variable
    DEEPLAB_RANK says which it is; where it is not set, MXNet's order, which changes from start to start.
    kvstore: what gluon.Trainer takes as `kvstore`.
    Raises GroupError if a distributed one was not started as such.

    As a context manager it makes a process that fails end at once: MXNet would keep it until all others have ended,
    who wait for it. An end by KeyboardInterrupt must be common to all, as `total` of a flag makes it.
    """

    def __init__(self, kind: str):
        self.rank, self.size, self.kvstore = 0, 1, kind
        self._keys: dict[int, int] = {}
        size_of(kind)
        if kind.startswith("dist_"):
            self.kvstore = mx.kv.create(kind)
            self.size = self.kvstore.num_workers
            with self:  # which makes this process end if the ranks are wrong
                self.rank = self._own_rank()

    @property
    def first(self) -> bool:
        return self.rank == 0

    def total(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """The sum over all workers of their `values`, float64 (n,), added in the order of ranks, so always the same.

        All must call it, in the same order, with one n. Beyond float32's range a value becomes infinite.
        """
        values = np.asarray(values, np.float64).ravel()
        return values if isinstance(self.kvstore, str) else self._by_rank(values).sum(axis=0)

    def gather(self, value: float) -> list[float]:
        """`value` of every worker, by rank."""
        return [float(value)] if isinstance(self.kvstore, str) else self._by_rank(np.array([value]))[:, 0].tolist()

    def _by_rank(self, values: np.ndarray) -> np.ndarray:
        """float64 (workers, n): what each worker gave.

        A server adds float64 with less than its precision, in the order of arrival. So a number goes as three of
        float32, each in a place of its worker's own, where all others give 0.
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

    def agree(self, what: str, value: float) -> None:
        """Raises GroupError, in every worker, if they do not all have the same `value` of `what`."""
        values = self.gather(value)
        if any(each != values[0] for each in values):
            listed = ", ".join(f"worker {rank}: {each:.16g}" for rank, each in enumerate(values))
            raise GroupError(f"the workers differ in {what}: {listed}")

    def _own_rank(self) -> int:
        said = os.environ.get(RANK, str(self.kvstore.rank))
        ranks = [str(rank) for rank in range(self.size)]
        if said not in ranks:
            raise GroupError(f"{RANK}: expected one of {', '.join(ranks)}, got {said!r}")
        if any(self._sum(np.array([said == rank for rank in ranks], np.float32)) != 1):
            raise GroupError(f"{RANK}: several of the {self.size} workers have one rank; this one has {said}")
        return int(said)

    def __enter__(self) -> Group:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if not isinstance(self.kvstore, str) and error is not None and not isinstance(error, KeyboardInterrupt):
            atexit.register(self._leave)  # runs first, and keeps the KVStore until then

    def _leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
