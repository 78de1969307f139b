# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png: test pairs with their true and their predicted flow, what
is wrong with it, where LS-DFN looks at a moving edge, the loss, and the error by part of the pictures.

It reads what training and evaluation have left in the output folder; no network runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from flow import looker
from flow.pictures import draw_edge, draw_pairs
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.style import GREY, LEARNED, open_spines
from lib.run import folder
from lib.run.program import tell

ROW = 1.9  # inches


def summary(cfg) -> Path:
    """Prints the run's numbers, draws <output_path>/<run name>/summary.png and gives its path."""
    results, _ = folder.read_results(cfg)
    text = headline(cfg, results)
    tell(text)
    place = folder.results_path(cfg).with_suffix("")
    pairs = looker.load_pairs(place)
    figure = Figure(figsize=(WIDTH, len(pairs) * ROW + 4.0), layout="constrained")
    figure.suptitle(text, fontsize=13, fontweight="bold")
    above, below = figure.subfigures(2, 1, height_ratios=[len(pairs) * ROW, 3.6])
    draw_pairs(above, pairs)
    _numbers(below, cfg, results, place / looker.EDGE)
    return write_summary(cfg, figure)


def headline(cfg, results: dict) -> str:
    """The run's numbers in one line."""
    floors = ", ".join(f"{name} {each['all']:.2f}" for name, each in results["floors"].items())
    return (f"{cfg.run.name}: end-point error {results['value']:.2f} px after {results['epoch']} epochs "
            f"(without a network: {floors})")  # fmt: skip


def _numbers(block, cfg, results: dict, edge: Path) -> None:
    """Loss curve, error by part, and the samples at a moving edge where there are any."""
    filters = cfg.net.kind == "lsdfn"
    axes = block.subplots(1, 4 if filters else 2, squeeze=False)[0]
    draw_loss(axes[0], cfg, results, "end-point error, five levels")
    _bars(axes[1], results)
    if filters:
        draw_edge(axes[2:], looker.load(edge))


def _bars(axis, results: dict) -> None:
    """Errors by part, with the floor of no motion at all."""
    names = list(results["parts"])
    place = np.arange(len(names))
    zero = results["floors"]["zero"]
    bars = (("network", results["parts"], LEARNED), ("flow 0", zero, GREY))
    for number, (label, values, shade) in enumerate(bars):
        axis.barh(place + 0.4 * (number - 0.5), [values[name] for name in names], 0.4, color=shade, label=label)
    axis.set_yticks(place, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("end-point error, pixels", fontsize=9)
    axis.set_title("Error by part of the test pictures", fontsize=10)
    axis.legend(fontsize=8, frameon=False)
    open_spines(axis)
