# SPDX-License-Identifier: Apache-2.0
"""The process of one engine: ``python -m benchmarks.operators.worker ENGINE THREADS``, driven by workers.py.

It reads one JSON request per line from standard input and answers each with one JSON line; it ends with its input.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback

from benchmarks.operators.cases import from_message
from benchmarks.operators.engines import load
from benchmarks.operators.machine import busy_seconds
from benchmarks.operators.memory import extra_memory

PROBES = 256  # numbers of each result that engines are compared by


class Worker:
    def __init__(self, engine):
        self.engine = engine
        self.call = None

    def prepare(self, case: dict, seconds: float) -> dict:
        """Makes the case ready and finds how many calls last `seconds`. {"skip": why} if the engine cannot do it."""
        self.call = None
        case = from_message(case)
        reason = self.engine.refuses(case)
        if reason:
            return {"skip": reason}
        prepared = self.engine.prepare(case)
        prepared.run()
        probes = {name: probe(values) for name, values in prepared.results().items()}
        self.call = prepared.run
        return {"calls": calls_for(self.call, seconds), "probes": probes, "note": self.engine.note(case)}

    def measure(self, calls: int) -> dict:
        busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
        for _ in range(calls):
            self.call()
        spent = time.perf_counter() - start
        own, busy = time.process_time() - own, busy_seconds() - busy
        return {
            "seconds": spent / calls,
            "calls": calls,
            "cores": round(own / spent, 3),
            "others": round(max(0.0, busy - own) / spent, 3),
        }

    def release(self) -> dict:
        self.call = None
        return {}

    def memory(self, case: dict, small: dict | None) -> dict:
        """The peak of the first call, after one of a small case that loads code and starts threads."""
        if small is not None:
            self.engine.prepare(from_message(small)).run()
        return extra_memory(self.engine.prepare(from_message(case)).run)


def probe(values) -> list:
    """Evenly spread numbers of an array, for comparing engines."""
    flat = values.reshape(-1)
    return [float(flat[i * flat.size // PROBES]) for i in range(PROBES)] if flat.size else []


def calls_for(call, seconds: float) -> int:
    """How many calls last at least `seconds`."""
    count, start, spent = 0, time.perf_counter(), 0.0
    while count == 0 or spent < seconds / 4:
        call()
        count += 1
        spent = time.perf_counter() - start
    return max(1, math.ceil(seconds * count / spent))


def main(name: str, threads: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        engine = load(name)(int(threads))
    except ImportError as error:
        return answer({"skip": f"not installed: {error}"})
    except Exception as error:
        return answer(_failure(error))
    answer({"versions": engine.versions()})
    worker = Worker(engine)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(worker, request.pop("do"))(**request))
        except Exception as error:  # told to the driver, which goes on with the other engines
            answer(_failure(error))
    os._exit(0)  # the driver is gone; there is nothing to tidy, and MXNet's own exit may hang


def _failure(error: Exception) -> dict:
    traceback.print_exc()
    return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(*sys.argv[1:])
