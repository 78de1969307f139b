# SPDX-License-Identifier: Apache-2.0
"""The tables and the picture of docs/scaling.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.scaling.count import NETWORKS, Count, count
from benchmarks.scaling.model import Assumed, Measured, Update, update
from lib.run.atomic import replacing

GPUS = (1, 2, 4, 8, 16, 32, 64)
CASES = {  # name: workers a machine, threads that read in each
    "1 worker a machine": (1, 1),
    "1 worker, read in 8 threads (not built)": (1, 8),
    "8 workers a machine": (8, 1),
}
SHOWN = "dcn"


def filled(document: str, result: dict) -> str:
    """`document` with each text between <!-- name --> and <!-- end --> replaced by the table of that name."""
    parts = {"counted": counted(), "machine": machine(result), "measured": measured(result),
             "expected": expected(result)}  # fmt: skip
    for name, text in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        document, found = pattern.subn(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", document)
        if found != 1:
            raise ValueError(f"the document has {found} places for the table {name!r}, expected one")
    return document


def machine(result: dict) -> str:
    """What was measured on, and how busy it was."""
    its = result["machine"]
    busy = max(its["load_before"][0], its["load_after"][0])
    state = (
        f"busy with other work (load {busy:.0f}), so times are too long, least so CPU times"
        if busy > its["cores"]
        else "idle"
    )
    return f"{its['processor']}, {its['cores']} cores, {its['memory_gib']:.0f} GiB; the machine was {state}."


def counted() -> str:
    rows = []
    for kind, name in NETWORKS.items():
        what = count(name)
        mib = what.gradient_bytes / 2**20
        rows.append((kind, f"{what.parameters:,}", f"{what.trained:,}", len(what.gradients), f"{mib:.1f} MiB",
                     f"{2 * what.gradient_bytes / 1e6:.0f} MB", f"{what.forward / 1e9:.0f}",
                     f"{what.backward / 1e9:.0f}"))  # fmt: skip
    return _markdown(
        ("network", "parameters", "trained", "arrays", "gradients", "per update and worker, there and back",
         "forward, 10^9 multiply-adds", "backward"), rows)  # fmt: skip


def measured(result: dict) -> str:
    numbers = Measured.of(result)
    speeds = result["training"]["images_per_second"]
    rows = [
        (f"exchange of the dcn gradients through one server, {workers} worker(s)",
         f"{1e3 * one['exchange_seconds']['median']:.0f} ms; CPU time of the server "
         f"{1e3 * one['server_cpu_seconds']:.0f} ms, of a worker {1e3 * one['worker_cpu_seconds']:.0f} ms")
        for workers, one in result["store"].items()
    ]  # fmt: skip
    rows += [
        ("so one server moves, in and out, per second of CPU time", f"{numbers.server / 1e9:.2f} GB/s"),
        ("sum of three numbers over two workers", f"{1e3 * _latency(result):.2f} ms"),
        ("reading and cropping one 2048x1024 image, CPU time", f"{1e3 * numbers.read:.0f} ms"),
        *((f"quick_acn, 4 images a device, one thread each: {name.replace('_', ' ')}", f"{speed:.1f} images/s")
          for name, speed in speeds.items()),
    ]  # fmt: skip
    return _markdown(("measured here", ""), rows)


def expected(result: dict) -> str:
    runs = {case: _runs(result, case) for case in CASES}
    rows = []
    for place, gpus in enumerate(GPUS):
        cells = []
        for bare, hidden in ((run[False][place], run[True][place]) for run in runs.values()):
            cells.append(f"{bare.efficiency:.2f} to {hidden.efficiency:.2f}, {_limit(hidden)}")
        rows.append((gpus, *cells))
    return _markdown(("GPUs", *CASES), rows)


def draw(result: dict, path: Path) -> None:
    """Efficiency over the number of GPUs; a band from no to full overlap of exchange and backward pass."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for case, colour in zip(CASES, ("#1f6f8b", "#5b8c3a", "#c8553d")):
        runs = _runs(result, case)
        bare, hidden = ([one.efficiency for one in runs[overlap]] for overlap in (False, True))
        axes.fill_between(GPUS, bare, hidden, color=colour, alpha=0.35, linewidth=0, label=case)
        axes.plot(GPUS, bare, color=colour, linewidth=1)
        axes.plot(GPUS, hidden, color=colour, linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(GPUS, [str(each) for each in GPUS])
    axes.set(ylim=(0, 1.05), xlabel="GPUs, 8 a machine", ylabel="efficiency (model, not measured)")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", frameon=False)
    with replacing(path) as new:
        figure.savefig(new, format="png", dpi=110)


def _runs(result: dict, case: str) -> dict[bool, list[Update]]:
    workers, threads = CASES[case]
    numbers = Measured.of(result)
    numbers = replace(numbers, read=numbers.read / threads)
    what, assumed = _what(), Assumed()
    return {overlap: [update(gpus, workers, overlap, what, numbers, assumed) for gpus in GPUS]
            for overlap in (False, True)}  # fmt: skip


def _what() -> Count:
    return count(NETWORKS[SHOWN])


def _limit(one: Update) -> str:
    if one.reading > one.compute + one.exchange - one.hidden:
        return "reading"
    return "exchange" if one.exchange - one.hidden > 0.05 * one.compute else "compute"


def _latency(result: dict) -> float:
    return result["store"]["2"]["sum_of_three_seconds"]["median"]


def _markdown(header, rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
