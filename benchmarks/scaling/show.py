# SPDX-License-Identifier: Apache-2.0
"""The tables and the picture of docs/scaling.md."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.scaling.count import NETWORKS, Count, count
from benchmarks.scaling.model import Assumed, Measured, Update, efficiency, update
from deeplab.core.atomic import replacing

GPUS = (1, 2, 4, 8, 16, 32, 64)
WORKERS = (1, 8)  # per machine
SHOWN = "dcn"


def tables(result: dict) -> str:
    """All of them, as Markdown, each under a line that names it."""
    parts = {"counted": counted(), "measured": measured(result), "expected": expected(result)}
    return "\n\n".join(f"{name}:\n{text}" for name, text in parts.items())


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
         f"{1e3 * one['exchange_seconds']['least']:.0f} ms")
        for workers, one in result["store"].items()
    ]  # fmt: skip
    rows += [
        ("so one server moves, in and out", f"{numbers.server / 1e9:.2f} GB/s"),
        ("sum of three numbers over two workers", f"{1e3 * _latency(result):.2f} ms"),
        ("reading and cropping one 2048x1024 image, one thread", f"{1e3 * numbers.read:.0f} ms"),
        *((f"quick_acn, 4 images a device, one thread each: {name.replace('_', ' ')}", f"{speed:.1f} images/s")
          for name, speed in speeds.items()),
    ]  # fmt: skip
    return _markdown(("measured here", ""), rows)


def expected(result: dict) -> str:
    header = ["GPUs", *(f"{workers} worker{'s' if workers > 1 else ''} a machine" for workers in WORKERS)]
    runs = {workers: _runs(result, workers) for workers in WORKERS}
    rows = []
    for place, gpus in enumerate(GPUS):
        cells = []
        for workers in WORKERS:
            bare, hidden = (runs[workers][overlap][place] for overlap in (False, True))
            one, one_hidden = (runs[workers][overlap][0] for overlap in (False, True))
            cells.append(f"{efficiency(one, bare):.2f} to {efficiency(one_hidden, hidden):.2f}, {_limit(hidden)}")
        rows.append((gpus, *cells))
    return _markdown(header, rows)


def draw(result: dict, path: Path) -> None:
    """Efficiency over the number of GPUs; a band from no to full overlap of exchange and backward pass."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for workers, colour in zip(WORKERS, ("#1f6f8b", "#c8553d")):
        runs = _runs(result, workers)
        bare, hidden = ([efficiency(each[0], one) for one in each] for each in (runs[False], runs[True]))
        axes.fill_between(GPUS, bare, hidden, color=colour, alpha=0.35, linewidth=0,
                          label=f"{workers} worker{'s' if workers > 1 else ''} a machine of 8 GPUs")  # fmt: skip
        axes.plot(GPUS, bare, color=colour, linewidth=1)
        axes.plot(GPUS, hidden, color=colour, linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(GPUS, [str(each) for each in GPUS])
    axes.set(ylim=(0, 1.05), xlabel="GPUs", ylabel="efficiency (model, not measured)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", frameon=False)
    with replacing(path) as new:
        figure.savefig(new, format="png", dpi=110, metadata={"Software": None})


def _runs(result: dict, workers: int) -> dict[bool, list[Update]]:
    what, numbers, assumed = _what(), Measured.of(result), Assumed()
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
