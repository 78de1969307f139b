# SPDX-License-Identifier: Apache-2.0
"""Starts, asks and ends the worker processes. However the driver ends, no worker outlives it."""

from __future__ import annotations

import json
import os
import select
import sys
import tempfile
import time

from benchmarks.operators.machine import ROOT
from lib.run.processes import PIPE, Command, Leashed

_THREADS = (
    "OMP_NUM_THREADS",
    "ACTIVE_CONVNETS_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_LOOK = 1.0  # seconds between two looks at whether a silent worker still lives
_TAIL = 12  # lines of a dead worker's standard error that are shown


class WorkerError(RuntimeError):
    """The worker died, hung or met an error; it cannot be asked about this case again."""


class Skipped(RuntimeError):
    """The engine is not installed, or cannot run the case. The text says why."""


def thread_settings(threads: int) -> dict:
    """The environment that fixes the number of threads before any library is loaded."""
    return {name: str(threads) for name in _THREADS}


class Worker:
    """The process of one engine.

    engine : a name of ENGINES. python : its interpreter. timeout : seconds after which a silent worker counts as hung.
    Raises Skipped where the engine's library is missing, WorkerError where the process fails.
    """

    def __init__(self, engine: str, threads: int, python: str = sys.executable, timeout: float = 600):
        self.engine, self.timeout, self.pending = engine, timeout, b""
        self.errors = tempfile.TemporaryFile()
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        words = [python, "-m", "benchmarks.operators.worker", engine, str(threads)]
        command = Command(words, env={**thread_settings(threads), "PYTHONPATH": path})
        its, ours = os.pipe()
        self.requests = os.fdopen(ours, "wb", buffering=0)
        self.process = Leashed(command, stdin=its, stdout=PIPE, stderr=self.errors)
        os.close(its)
        try:
            self.versions = self._answer()["versions"]
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **request) -> dict:
        """The worker's answer. Raises Skipped or WorkerError."""
        try:
            self.requests.write(json.dumps({"do": do, **request}).encode() + b"\n")
        except BrokenPipeError:
            pass  # it is dead; reading says how
        return self._answer()

    def close(self) -> None:
        """Kills it: it holds nothing worth a tidy end, and MXNet's own exit may hang."""
        self.process.close()
        self.requests.close()
        self.errors.close()

    def _answer(self) -> dict:
        answer = json.loads(self._line())
        if "skip" in answer:
            raise Skipped(answer["skip"])
        if "error" in answer:
            raise WorkerError(f"{self.engine}: {answer['error']}")
        return answer

    def _line(self) -> bytes:
        output, deadline = self.process.stdout.fileno(), time.monotonic() + self.timeout
        while b"\n" not in self.pending:
            ready, _, _ = select.select([output], [], [], max(0.0, min(_LOOK, deadline - time.monotonic())))
            part = os.read(output, 1 << 16) if ready else b""
            self.pending += part
            if ready and not part or not ready and self.process.status is not None:
                raise WorkerError(f"{self.engine}: its process {self._ending()}{self._last_words()}")
            if not ready and time.monotonic() >= deadline:
                raise WorkerError(f"{self.engine}: no answer within {self.timeout:g} s{self._last_words()}")
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _ending(self) -> str:
        return "closed its output" if self.process.wait(5) is None else self.process.ending

    def _last_words(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()[-_TAIL:]
        return "; its standard error:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


class Crew:
    """One worker per engine for one number of threads; a context manager that ends them all.

    A worker that failed is dropped, and replaced when its engine is asked for again.
    """

    def __init__(self, threads: int, pythons: dict, timeout: float):
        self.threads, self.pythons, self.timeout = threads, pythons, timeout
        self.workers, self.missing = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for engine in list(self.workers):
            self.drop(engine)

    def worker(self, engine: str) -> Worker:
        """The running worker of the engine, started if need be. Raises Skipped (for ever) or WorkerError."""
        if engine in self.missing:
            raise Skipped(self.missing[engine])
        if engine not in self.workers:
            try:
                self.workers[engine] = self.fresh(engine)
            except Skipped as reason:
                self.missing[engine] = str(reason)
                raise
        return self.workers[engine]

    def fresh(self, engine: str) -> Worker:
        """Another worker, which belongs to the caller."""
        return Worker(engine, self.threads, self.pythons.get(engine, sys.executable), self.timeout)

    def drop(self, engine: str) -> None:
        if engine in self.workers:
            self.workers.pop(engine).close()
