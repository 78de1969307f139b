# SPDX-License-Identifier: Apache-2.0
"""What came out of a sweep: summary.csv, a row per trial, and summary.png, the metric along an axis and the losses."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.ticker

from experiments.sweeping import outcome
from experiments.sweeping.plan import Sweep
from lib.run.atomic import replacing

matplotlib.use("Agg")  # no window, wherever this runs
from matplotlib import pyplot  # noqa: E402

NUMBERS = ("value", "value_zero_offsets", "loss", "offset_max", "epochs", "seconds", "threads")


def write_csv(sweep: Sweep, rows: dict[str, dict], parts: Sequence[str] | None = None) -> Path:
    """rows: {trial name: {"state", numbers}}. Columns: the sweep's keys, state, the sweep's metric, metric (the name of
    the value), numbers, `parts` (see `parts_of`), commit, trial (its folder)."""
    extra = [] if sweep.metric in NUMBERS else [sweep.metric]
    columns = [
        *sweep.keys,
        "state",
        *extra,
        "metric",
        *NUMBERS,
        *outcome.parts_of(parts, rows.values()),
        "commit",
        "trial",
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for trial in sweep.trials:
        row = {**rows[trial.name], "trial": trial.name}
        row["state"] = "finished" if row["state"].startswith("finished") else row["state"]
        values = [trial.point.get(key) for key in sweep.keys] + [
            outcome.number(row, key) for key in columns[len(sweep.keys) :]
        ]
        writer.writerow(
            ["" if value is None else round(value, 6) if isinstance(value, float) else value for value in values]
        )
    path = sweep.folder / "summary.csv"
    with replacing(path) as new:
        new.write_text(text.getvalue(), encoding="utf-8")
    return path


def draw(sweep: Sweep, rows: dict[str, dict]) -> Path | None:
    """Left the metric along the first axis, mean and range over the repeats; right the loss of each epoch.

    None if no trial has finished.
    """
    ended = [(trial, rows[trial.name]) for trial in sweep.trials if rows[trial.name]["state"].startswith("finished")]
    done = [(trial, row) for trial, row in ended if outcome.number(row, sweep.metric) is not None]
    if not done:
        return None
    axis_key = next(key for key in sweep.keys if key != sweep.average or len(sweep.keys) == 1)
    groups: dict[tuple, dict] = defaultdict(lambda: defaultdict(list))
    for trial, row in done:
        others = tuple((key, trial.point[key]) for key in sweep.keys
                       if key in trial.point and key not in (axis_key, sweep.average))  # fmt: skip
        groups[others][trial.point.get(axis_key)].append(row)
    places = list(dict.fromkeys(trial.point.get(axis_key) for trial in sweep.trials))
    places = sorted(places) if all(isinstance(place, (int, float)) for place in places) else places
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    _metric(left, groups, places, sweep, axis_key)
    _losses(right, groups, places, axis_key)
    figure.suptitle(f"{sweep.name}: {len(done)} of {len(sweep.trials)} trials", fontsize=11)
    path = sweep.folder / "summary.png"
    with replacing(path) as new:
        figure.savefig(new, dpi=110, format="png")
    pyplot.close(figure)
    return path


def _metric(axis, groups, places, sweep: Sweep, axis_key: str) -> None:
    for number, (others, at) in enumerate(groups.items()):
        found = [
            (places.index(place), [outcome.number(row, sweep.metric) for row in each]) for place, each in at.items()
        ]
        found.sort()
        x = [place + 0.08 * number for place, _ in found]
        means = [sum(values) / len(values) for _, values in found]
        label = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in others) or "as in the base"
        (line,) = axis.plot(x, means, marker="o", markersize=5, linewidth=1.4, label=label)
        for place, (_, values) in zip(x, found):
            axis.plot([place] * len(values), values, marker="_", linewidth=1, color=line.get_color(), alpha=0.6)
        for place, mean in zip(x, means):
            axis.annotate(f"{mean:.3f}", (place, mean), xytext=(6, 4), textcoords="offset points", fontsize=8)
    axis.set_xticks(range(len(places)), [str(place) for place in places])
    axis.set_xlabel(axis_key, fontsize=9)
    repeats = f", mean and each {sweep.average}" if sweep.average else ""
    shown = outcome.metric_name(sweep, [row for at in groups.values() for each in at.values() for row in each])
    axis.set_title(f"{shown}{repeats}", fontsize=10)
    axis.margins(x=0.12, y=0.15)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="0.92")
    if len(groups) > 1:
        axis.legend(fontsize=8, frameon=False)


def _losses(axis, groups, places, axis_key: str) -> None:
    colours = pyplot.get_cmap("viridis")
    for number, at in enumerate(groups.values()):
        for place, rows in at.items():
            colour = colours(places.index(place) / max(1, len(places) - 0.7))
            for index, row in enumerate(rows):
                losses = row.get("losses") or []
                label = f"{axis_key.rpartition('.')[2]} {place}" if number == 0 and index == 0 else None
                axis.plot(range(1, len(losses) + 1), losses, color=colour, linestyle=("-", "--", ":", "-.")[number % 4],
                          linewidth=1.2, label=label)  # fmt: skip
    axis.set_xlabel("epoch", fontsize=9)
    axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axis.set_title("Training loss, mean of each epoch", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
