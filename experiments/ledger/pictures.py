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
    """Left what was published, right every seed and their mean, one row per line."""
    figure = Figure(figsize=(11, 0.27 * len(table) + 1.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    colours = _colours(table)
    for y, entry in enumerate(table):
        colour = colours[entry.line.name]
        if entry.line.value is not None:
            left.plot(entry.line.value, y, "D", color=colour, markersize=6)
        seeds = [run.value for run in entry.runs.values()]
        if seeds:
            right.plot(seeds, [y] * len(seeds), "o", color=colour, markersize=4, alpha=0.55)
            right.plot(np.mean(seeds), y, "|", color=colour, markersize=15, markeredgewidth=2.5)
    left.set_yticks(range(len(table)), [entry.line.name for entry in table], fontsize=8.5)
    left.invert_yaxis()
    real = next((data.title for data in book.data if data.comparable), book.publication)
    left.set_title(f"published, {real}: one run each", fontsize=10)
    right.set_title("measured: a dot per seed, bar = mean", fontsize=10)
    for axis in (left, right):
        axis.set_xlabel(book.metric)
        axis.grid(axis="both", alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, **SETTINGS)


def draw_losses(book: Book, table: list[Entry], path: Path) -> None:
    """Training loss by epoch, mean over seeds, one panel per group."""
    groups = list(dict.fromkeys(entry.line.group for entry in table))
    figure = Figure(figsize=(13, 4.3), layout="constrained")
    axes = figure.subplots(1, len(groups), sharey=True)
    colours = _colours(table)
    for axis, group in zip(axes, groups):
        for entry in table:
            if entry.line.group == group and entry.runs and not entry.shares:
                curve = np.mean([run.losses for run in entry.runs.values()], axis=0)
                axis.plot(range(1, len(curve) + 1), curve, color=colours[entry.line.name], label=entry.line.name)
        axis.set_title(group, fontsize=9)
        axis.set_xlabel("epoch")
        axis.set_yscale("log")
        axis.grid(alpha=0.25, which="both")
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7.5, frameon=False)
    axes[0].set_ylabel("training loss, mean of the epoch and of seeds")
    figure.savefig(path, **SETTINGS)


def draw_parts(book: Book, table: list[Entry], path: Path) -> None:
    """The parts of the values in percent, by line, mean over seeds."""
    shown = [entry for entry in table if entry.runs and not entry.shares]
    names = list(next(iter(shown[0].runs.values())).parts)
    numbers = np.array(
        [[100 * np.mean([run.parts[name] for run in each.runs.values()]) for name in names] for each in shown]
    )
    figure = Figure(figsize=(13, 0.29 * len(shown) + 1.5), layout="constrained")
    axis = figure.subplots()
    picture = axis.imshow(numbers, cmap="YlGnBu", vmin=0, vmax=100, aspect="auto")
    for (y, x), number in np.ndenumerate(numbers):
        axis.text(
            x, y, f"{number:.0f}", ha="center", va="center", fontsize=7.5, color="white" if number > 60 else "black"
        )
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8.5)
    axis.set_yticks(range(len(shown)), [entry.line.name for entry in shown], fontsize=8.5)
    figure.colorbar(picture, ax=axis, label=f"{book.parts.label}, percent", pad=0.01)
    figure.savefig(path, **SETTINGS)


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
