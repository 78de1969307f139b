# SPDX-License-Identifier: Apache-2.0
"""Drives the workers: for each case they measure in turn, one at a time, round after round."""

from __future__ import annotations

from collections.abc import Iterator

from tqdm import tqdm

from benchmarks.operators.cases import Case, tiny, to_message
from benchmarks.operators.figures import compare, counted, disagreement, summarize
from benchmarks.operators.workers import Crew, Skipped, WorkerError

_TRIES = 3  # times the wanted rounds, for the sake of enough quiet ones


def measure(options, versions: dict) -> Iterator[dict]:
    """One result per job of options.jobs, (threads, case) pairs; what the engines run on is added to `versions`.

    A result: {"threads", "case", "result_mib", "engines": {name: entry}}. An entry has a "status": "measured",
    "skipped", "failed" or "busy" (no quiet measurement), the "reason" for the last three, and every sample.
    """
    with tqdm(total=len(options.jobs), unit="case", disable=None, dynamic_ncols=True) as bar:
        for threads in dict.fromkeys(threads for threads, _ in options.jobs):
            with Crew(threads, options.pythons, options.timeout) as crew:
                for case in (case for count, case in options.jobs if count == threads):
                    run = _Run(crew, case, options, versions, bar)
                    result = {"threads": threads, "case": to_message(case), "engines": run.measure()}
                    if isinstance(case, Case):
                        result["result_mib"] = round(case.result_bytes() / 2**20, 1)
                    bar.update()
                    bar.clear()
                    yield result


class _Run:
    """One case."""

    def __init__(self, crew: Crew, case, options, versions: dict, bar):
        self.crew, self.case, self.options, self.versions, self.bar = crew, case, options, versions, bar
        self.entries, self.calls = {}, {}

    def measure(self) -> dict:
        for engine in self.options.engines:
            self._guarded(engine, self._prepare)
        self._compare_results()
        rounds = 0
        while self._wanting() and rounds < _TRIES * self.options.rounds:
            running = self._running()
            first = rounds % len(running)  # nobody always follows the same neighbour
            rounds += 1
            for engine in running[first:] + running[:first]:
                self._show(f"round {rounds}, {engine}")
                self._guarded(engine, self._sample, round=rounds)
        for engine in self._running():
            self._guarded(engine, lambda name: self.crew.worker(name).ask("release"))
        for engine in self._running():
            summarize(self.entries[engine], self.options.allow_busy)
            if self.options.memory:
                self._show(f"memory, {engine}")
                self._guarded(engine, self._memory)
        compare(self.entries, self.case.yardstick)
        return self.entries

    def _show(self, text: str) -> None:
        self.bar.set_description_str(f"{self.case.title}, {self.crew.threads} thread(s): {text}")

    def _guarded(self, engine: str, action, **arguments) -> None:
        """One engine's failure does not end the run."""
        try:
            action(engine, **arguments)
        except Skipped as reason:
            self.entries[engine] = {"status": "skipped", "reason": str(reason)}
        except WorkerError as error:
            self.entries[engine] = {**self.entries.get(engine, {}), "status": "failed", "reason": str(error)}
            self.crew.drop(engine)

    def _running(self) -> list:
        return [engine for engine, entry in self.entries.items() if entry["status"] == "measured"]

    def _wanting(self) -> bool:
        enough, allow_busy = self.options.rounds, self.options.allow_busy
        return any(len(counted(self.entries[e]["samples"], allow_busy)) < enough for e in self._running())

    def _prepare(self, engine: str) -> None:
        self._show(f"preparing {engine}")
        worker = self.crew.worker(engine)
        self.versions[engine] = worker.versions
        ready = worker.ask("prepare", case=to_message(self.case), seconds=self.options.seconds)
        self.calls[engine] = ready["calls"]
        self.entries[engine] = {
            "status": "measured",
            "samples": [],
            "note": ready["note"],
            "probes": ready["probes"],
        }

    def _compare_results(self) -> None:
        """An engine that computes something else is measured all the same, and says so."""
        probes = {engine: self.entries[engine].pop("probes") for engine in self._running()}
        truth = next((name for name in ("numpy", "mxnet", "step-stock") if name in probes), None)
        for engine in probes:
            if truth and engine not in (truth, "plain") and "boundary" not in self.entries[engine]["note"]:
                different = disagreement(probes[engine], probes[truth])
                if different:
                    self.entries[engine]["note"] += f" DIFFERS from {truth}: {different}"

    def _sample(self, engine: str, round: int) -> None:
        sample = self.crew.worker(engine).ask("measure", calls=self.calls[engine])
        self.entries[engine]["samples"].append({"round": round, **sample})

    def _memory(self, engine: str) -> None:
        worker = self.crew.fresh(engine)
        try:
            small = to_message(tiny(self.case)) if isinstance(self.case, Case) else None
            self.entries[engine]["memory"] = worker.ask("memory", case=to_message(self.case), small=small)
        finally:
            worker.close()
