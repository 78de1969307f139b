# SPDX-License-Identifier: Apache-2.0
"""Draws the accuracy of runs by the scale of the test pictures: python -m classify.scales RUN... --out PNG

RUN is the folder of a run, output/zoom/seed1/extra; those of one name are seeds of one line. Prints a table, too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lib.pictures.style import colour, open_spines
from lib.run import results
from lib.run.atomic import write_with
from lib.run.program import program, tell


@program
def main(arguments: list[str] | None = None) -> int:
    """Gives the exit status: 0, or 1 after an error told on standard error."""
    made = argparse.ArgumentParser("python -m classify.scales", description="Accuracy of runs by scale.")
    made.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs; one name, several seeds")
    made.add_argument("--out", type=Path, required=True, metavar="PNG")
    options = made.parse_args(arguments)
    found = read(options.runs)
    for line in table(found):
        tell(line)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_with(options.out, lambda file: draw(found).savefig(file, format="png", dpi=110))
    tell(str(options.out))
    return 0


def read(runs: list[Path]) -> dict[str, list[dict]]:
    """{name: evaluations of its runs}. Raises FileNotFoundError for a run that was not evaluated, ValueError for one
    whose pictures have no scales, or other scales than those of the first."""
    found: dict[str, list[dict]] = {}
    for run in runs:
        each, _ = results.read(run / "test" / results.NAME)
        first = next(iter(found.values()), [each])[0]
        of_classes = each["parts"] == each.get("by_class", each["parts"])  # as it is where pictures have no scales
        if of_classes or each["parts"].keys() != first["parts"].keys():
            raise ValueError(f"{run}: its accuracy is by {', '.join(each['parts'])}; expected the scales of all others")
        found.setdefault(run.resolve().name, []).append(each)
    return found


def by_scale(evaluations: list[dict]) -> np.ndarray:
    """(seeds, scales) accuracies."""
    return np.array([list(each["parts"].values()) for each in evaluations])


def table(found: dict[str, list[dict]]) -> list[str]:
    """Mean accuracies over the seeds, in percent, as a table in Markdown."""
    scales = list(next(iter(found.values()))[0]["parts"])
    lines = [f"| | seeds | all | {' | '.join(scales)} |", "|---" * (len(scales) + 3) + "|"]
    for name, each in found.items():
        whole = 100 * np.mean([one["value"] for one in each])
        parts = " | ".join(f"{100 * value:.1f}" for value in by_scale(each).mean(0))
        lines.append(f"| {name} | {len(each)} | {whole:.2f} | {parts} |")
    return lines


def draw(found: dict[str, list[dict]]) -> Figure:
    """A line per name, the mean over its seeds, and a band from the lowest seed to the highest."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    edges = [tuple(map(float, scale.split("-"))) for scale in next(iter(found.values()))[0]["parts"]]
    middles = [(low + high) / 2 for low, high in edges]
    for number, (name, each) in enumerate(found.items()):
        values = by_scale(each)
        label = f"{name} ({np.mean([one['value'] for one in each]):.4f}, {len(each)} seeds)"
        axis.plot(middles, values.mean(0), color=colour(number), marker="o", markersize=4, label=label)
        axis.fill_between(middles, values.min(0), values.max(0), color=colour(number), alpha=0.15, linewidth=0)
    axis.set_xlabel("scale of the test pictures (above 1: smaller)")
    axis.set_ylabel("accuracy")
    axis.legend(fontsize=9, frameon=False, loc="lower center")
    open_spines(axis)
    return figure


if __name__ == "__main__":
    sys.exit(main())
