# SPDX-License-Identifier: Apache-2.0
"""One worker of the KVStore measurement: python -m benchmarks.scaling.worker NETWORK ROUNDS; JSON on its last line.

Started by `measure` in the environment that the launcher gives workers. Pushes and pulls gradients of the network's
sizes as Trainer does: all pushed, then waited for.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

import mxnet as mx

from benchmarks.scaling.count import FLOAT, NETWORKS, count
from lib.engines.mxnet.group import KVStoreGroup


def main(network: str, rounds: int) -> None:
    group = KVStoreGroup("dist_sync")
    try:
        store, sizes = group.kvstore, count(NETWORKS[network]).gradients
        arrays = [mx.nd.ones(size) for size in sizes]
        for key, array in enumerate(arrays):
            store.init(key, array)
        _exchange(store, arrays)
        before = _server_seconds(), time.process_time()
        exchange = [_timed(lambda: _exchange(store, arrays)) for _ in range(rounds)]
        after = _server_seconds(), time.process_time()
        latency = [_timed(lambda: group.total([1.0, 2.0, 3.0])) for _ in range(20 * rounds)]
        told = {
            "bytes": FLOAT * sum(sizes),
            "arrays": len(sizes),
            "exchange_seconds": {"median": statistics.median(exchange), "least": min(exchange)},
            "server_cpu_seconds": (after[0] - before[0]) / rounds,
            "worker_cpu_seconds": (after[1] - before[1]) / rounds,
            "sum_of_three_seconds": {"median": statistics.median(latency), "least": min(latency)},
        }
    except BaseException:
        group.abandon()
        raise
    print(json.dumps(told) if group.first else "", flush=True)


def _exchange(store, arrays) -> None:
    for array in arrays:
        array[:] = 1  # what is added must not grow without end
    mx.nd.waitall()
    for key, array in enumerate(arrays):
        store.pushpull(key, array, priority=-key)
    mx.nd.waitall()


def _server_seconds() -> float:
    """CPU time of the one server of this group."""
    own = {f"{name}={os.environ[name]}" for name in ("DMLC_PS_ROOT_PORT",)} | {"DMLC_ROLE=server"}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if own <= set((path / "environ").read_text(errors="replace").split("\0")):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ProcessLookupError):
            continue  # it has ended, or is another user's
    raise RuntimeError(f"no server process with {', '.join(sorted(own))} on this machine")


def _timed(action) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
