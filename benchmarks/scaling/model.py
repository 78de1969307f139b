# SPDX-License-Identifier: Apache-2.0
"""The time of one update on n GPUs, from counts, measurements and assumptions. The terms are explained in
docs/scaling.md; the assumptions are all here."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scaling.count import Count

MULTIPLY_ADD = 2  # operations


@dataclass(frozen=True)
class Assumed:
    """What could not be measured: no GPU, no second machine. Speeds in bytes or operations a second."""

    gpu: float = 7.8e12  # sustained, float32: half of a V100's 15.7e12
    gpus_per_machine: int = 8
    between_gpus: float = 10e9  # PCIe 3.0 x16, each way, as copies reach it
    network: float = 25e9 / 8 * 0.9  # 25 Gbit/s Ethernet, each way
    round_trip: float = 1e-3  # seconds, through a server on another machine


@dataclass(frozen=True)
class Measured:
    """server: bytes a second that one server takes in and gives out. read: seconds for one image in one thread."""

    server: float
    read: float

    @classmethod
    def of(cls, result: dict) -> Measured:
        """From what `measure` wrote, with two workers: CPU times, which a busy machine lengthens least."""
        store = result["store"]["2"]
        moved = 2 * 2 * store["bytes"]  # two workers, there and back
        return cls(moved / store["server_cpu_seconds"], result["reading"]["cpu_seconds_per_image"]["least"])


@dataclass(frozen=True)
class Update:
    """Seconds of one update, one image per GPU. efficiency: the part of that time in which a GPU computes."""

    gpus: int
    compute: float
    exchange: float
    reading: float
    hidden: float  # of the exchange, behind the backward pass

    @property
    def seconds(self) -> float:
        return max(self.compute + self.exchange - self.hidden, self.reading)

    @property
    def efficiency(self) -> float:
        return self.compute / self.seconds


def update(gpus: int, workers: int, overlap: bool, what: Count, measured: Measured, assumed: Assumed) -> Update:
    """workers: per machine; they divide its GPUs. One server per machine. overlap: gradients travel during backward."""
    machines = -(-gpus // assumed.gpus_per_machine)
    here = gpus // machines  # GPUs of a machine
    workers = min(workers, here)
    size = what.gradient_bytes
    forward, backward = (MULTIPLY_ADD * each / assumed.gpu for each in (what.forward, what.backward))
    each = here // workers  # GPUs of a worker
    exchange = 2 * (each - 1) / each * size / assumed.between_gpus
    if gpus > each:  # more than one worker: through servers, each with its part of every gradient
        exchange += 2 * workers * size / measured.server + assumed.round_trip
        exchange += 2 * workers * size * (machines - 1) / machines / assumed.network
    return Update(gpus, forward + backward, exchange, each * measured.read, min(exchange, backward) if overlap else 0.0)
