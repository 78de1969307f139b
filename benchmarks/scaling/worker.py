# SPDX-License-Identifier: Apache-2.0
"""One worker of the KVStore measurement: python -m benchmarks.scaling.worker NETWORK ROUNDS; JSON on its last line.

Started by `measure` in the environment that the launcher gives workers. Pushes and pulls gradients of the network's
sizes as Trainer does: all pushed, then waited for.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import mxnet as mx

from benchmarks.scaling.count import FLOAT, NETWORKS, count
from deeplab.core.group import Group


def main(network: str, rounds: int) -> None:
    with Group("dist_sync") as group:
        store, sizes = group.kvstore, count(NETWORKS[network]).gradients
        arrays = [mx.nd.ones(size) for size in sizes]
        for key, array in enumerate(arrays):
            store.init(key, array)
        exchange = [_timed(lambda: _exchange(store, arrays)) for _ in range(rounds + 1)][1:]
        latency = [_timed(lambda: group.total([1.0, 2.0, 3.0])) for _ in range(20 * rounds)]
        told = {
            "bytes": FLOAT * sum(sizes),
            "arrays": len(sizes),
            "exchange_seconds": {"median": statistics.median(exchange), "least": min(exchange)},
            "sum_of_three_seconds": {"median": statistics.median(latency), "least": min(latency)},
        }
    print(json.dumps(told) if group.first else "", flush=True)


def _exchange(store, arrays) -> None:
    for array in arrays:
        array[:] = 1  # what is added must not grow without end
    mx.nd.waitall()
    for key, array in enumerate(arrays):
        store.pushpull(key, array, priority=-key)
    mx.nd.waitall()


def _timed(action) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
