# SPDX-License-Identifier: Apache-2.0
"""The ledger's pictures: the value of every line, loss curves, and the parts of the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from experiments.ledger.book import Book
from experiments.ledger.compare import Entry

DPI = 110
SETTINGS = {"format": "png", "dpi": DPI, "metadata": {"Software": None}}  # the same numbers give the same file


def draw_values(book: Book, table: list[Entry], path: Path) -> None:
    """Left what was published, if anything was, right every seed and their mean, one row per line."""
    figure = Figure(figsize=(11, 0.27 * len(table) + 1.1), layout="constrained")
    published = [(y, entry) for y, entry in enumerate(table) if entry.line.value is not None]
    *lefts, right = figure.subplots(1, 2 if published else 1, sharey=True, squeeze=False)[0]
    colours = _colours(table)
    for left in lefts:
        for y, entry in published:
            left.plot(entry.line.value, y, "D", color=colours[entry.line.name], markersize=6)
        real = next((data.title for data in book.data if data.comparable), book.publication)
        left.set_title(f"published, {real}: one run each", fontsize=10)
    for y, entry in enumerate(table):
        colour = colours[entry.line.name]
        seeds = [run.value for run in entry.runs.values()]
        if seeds:
            right.plot(seeds, [y] * len(seeds), "o", color=colour, markersize=4, alpha=0.55)
            right.plot(np.mean(seeds), y, "|", color=colour, markersize=15, markeredgewidth=2.5)
    first = (*lefts, right)[0]
    first.set_yticks(range(len(table)), [entry.line.name for entry in table], fontsize=8.5)
    first.margins(y=max(0.05, 0.5 / max(len(table) - 1, 1)))  # half a row, where there are few
    first.invert_yaxis()
    right.set_title("measured: a dot per seed, bar = mean", fontsize=10)
    for axis in (*lefts, right):
        axis.set_xlabel(book.metric)
        axis.grid(axis="both", alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, **SETTINGS)


def draw_losses(book: Book, table: list[Entry], path: Path) -> None:
    """Training loss by epoch, one panel per group: above what was published, below the mean over seeds."""
    groups = list(dict.fromkeys(entry.line.group for entry in table))
    measured = {
        entry.line.name: np.mean([run.losses for run in entry.runs.values()], axis=0)
        for entry in table
        if entry.runs and not entry.shares
    }
    published = {entry.line.name: entry.line.curve for entry in table if entry.line.curve}
    sides = [(name, curves) for name, curves in (("published", published), ("measured", measured)) if curves]
    if not sides:
        raise ValueError(f"{path}: no curve was published or measured")
    figure = Figure(figsize=(13, 0.5 + 3.9 * len(sides)), layout="constrained")
    axes = figure.subplots(len(sides), len(groups), sharey="row", squeeze=False)
    colours = _colours(table)
    for row, (name, curves) in zip(axes, sides):
        for axis, group in zip(row, groups):
            shown = [entry.line.name for entry in table if entry.line.group == group and entry.line.name in curves]
            for line in shown:
                curve = curves[line]
                axis.plot(range(1, len(curve) + 1), curve, color=colours[line], linewidth=1.3, label=line)
            if not shown:
                axis.set_axis_off()
                continue
            axis.set_title(f"{name}: {group}", fontsize=9)
            axis.set_xlabel("epoch")
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("{x:g}")
            axis.tick_params(which="both", labelsize=8)
            axis.grid(alpha=0.25, which="both")
            axis.spines[["top", "right"]].set_visible(False)
            axis.legend(fontsize=7.5, frameon=False)
        row[0].set_ylabel("training loss, mean of the epoch" + (" and of seeds" if name == "measured" else ""))
    figure.savefig(path, **SETTINGS)


def draw_parts(book: Book, table: list[Entry], path: Path) -> None:
    """The parts of the values in percent, by line: what was published beside the mean over seeds."""
    shown = [entry for entry in table if entry.line.parts or entry.runs]
    published = [entry.line.parts for entry in shown]
    measured = [_mean_parts(entry) for entry in shown]
    names = list(next(parts for parts in (*published, *measured) if parts))
    sides = [(name, rows) for name, rows in (("published", published), ("measured", measured)) if any(rows)]
    figure = Figure(figsize=(3 + 9 * len(sides), 0.29 * len(shown) + 1.7), layout="constrained")
    axes = figure.subplots(1, len(sides), sharey=True, squeeze=False)[0]
    for axis, (name, rows) in zip(axes, sides):
        numbers = np.array([[100 * parts.get(each, np.nan) for each in names] for parts in rows])
        picture = axis.imshow(numbers, cmap="YlGnBu", vmin=0, vmax=100, aspect="auto")
        for (y, x), number in np.ndenumerate(numbers):
            if np.isfinite(number):
                colour = "white" if number > 60 else "black"
                axis.text(x, y, f"{number:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8.5)
        axis.set_title(name, fontsize=10)
    axes[0].set_yticks(range(len(shown)), [entry.line.name for entry in shown], fontsize=8.5)
    figure.colorbar(picture, ax=axes, label=f"{book.parts.label}, percent", pad=0.01)
    figure.savefig(path, **SETTINGS)


def _mean_parts(entry: Entry) -> dict[str, float]:
    runs = list(entry.runs.values())
    return {name: np.mean([run.parts[name] for run in runs]) for name in (runs[0].parts if runs else ())}


def _colours(table: list[Entry]) -> dict[str, tuple]:
    """Ordinary convolutions from light to dark by dilation, a colour of its own for every other line of a group."""
    colours = {}
    for number, group in enumerate(dict.fromkeys(entry.line.group for entry in table)):
        names = [entry.line.name for entry in table if entry.line.group == group]
        for place, name in enumerate(names):
            colours[name] = (
                colormaps["viridis"](0.92 * place / len(names)) if number == 0 else colormaps["tab10"](place)
            )
    return colours
