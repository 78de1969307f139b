# SPDX-License-Identifier: Apache-2.0
"""Starts, asks and ends the worker processes. However the driver ends, no worker outlives it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

from operators.bench.machine import ROOT

_THREADS = (
    "OMP_NUM_THREADS",
    "ACTIVE_CONVNETS_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
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
        try:
            self.process = subprocess.Popen(
                [python, "-m", "operators.bench.worker", engine, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env={**os.environ, **thread_settings(threads), "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C reaches the driver alone, which then ends the workers
            )
        except OSError as error:
            raise WorkerError(f"{engine}: cannot start {python}: {error.strerror}") from None
        try:
            self.versions = self._answer()["versions"]
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **request) -> dict:
        """The worker's answer. Raises Skipped or WorkerError."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it is dead; reading says how
        return self._answer()

    def close(self) -> None:
        """Kills it: it holds nothing worth a tidy end, and MXNet's own exit may hang."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                stream.close()
            except BrokenPipeError:
                pass

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
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise WorkerError(f"{self.engine}: no answer within {self.timeout:g} s{self._last_words()}")
            part = os.read(output, 1 << 16)
            if not part:
                raise WorkerError(f"{self.engine}: its process {self._ending()}{self._last_words()}")
            self.pending += part
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _ending(self) -> str:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

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
