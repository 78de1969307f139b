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
from flow.data import load_dataset
from flow.evaluation import EDGE, shown
from lib.data.flow_files import known, read_flow
from lib.metrics.end_point_error import end_point_error
from lib.pictures import flow as coding
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.style import GREY, LEARNED, open_spines, picture
from lib.pictures.windows import draw_field, draw_windows
from lib.run import folder
from lib.run.program import tell

ROW = 1.9  # inches


def summary(cfg) -> Path:
    """Prints the run's numbers, draws <output_path>/<run name>/summary.png and gives its path."""
    results, _ = folder.read_results(cfg)
    text = headline(cfg, results)
    tell(text)
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    place, names = folder.results_path(cfg).with_suffix(""), shown(data)
    figure = Figure(figsize=(WIDTH, len(names) * ROW + 4.0), layout="constrained")
    figure.suptitle(text, fontsize=13, fontweight="bold")
    above, below = figure.subfigures(2, 1, height_ratios=[len(names) * ROW, 3.6])
    _pairs(above, [data.pair(name) for name in names], [read_flow(place / f"{name}.flo") for name in names])
    _numbers(below, cfg, results, place / EDGE)
    return write_summary(cfg, figure)


def headline(cfg, results: dict) -> str:
    """The run's numbers in one line."""
    floors = ", ".join(f"{name} {each['all']:.2f}" for name, each in results["floors"].items())
    return (f"{cfg.run.name}: end-point error {results['value']:.2f} px after {results['epoch']} epochs "
            f"(without a network: {floors})")  # fmt: skip


def _pairs(block, pairs, flows) -> None:
    """A row for each test pair; one colour means the same motion in the true and the predicted flow."""
    grid = block.subplots(len(pairs), 5, squeeze=False)
    for axes, pair, flow in zip(grid, pairs, flows):
        there = known(pair.flow)
        longest = float(np.hypot(*np.moveaxis(pair.flow[there], -1, 0)).max(initial=1))
        errors = np.where(there, end_point_error(flow, pair.flow), np.nan)
        picture(axes[0], pair.first, f"{pair.name}, first")
        picture(axes[1], pair.second, "second")
        picture(axes[2], coding.colours(pair.flow, there, longest), f"true flow, up to {longest:.0f} px")
        picture(axes[3], coding.colours(flow, None, longest), "predicted")
        shade = axes[4].imshow(errors, cmap="magma", vmin=0, vmax=max(longest / 2, 1), interpolation="nearest")
        axes[4].set_title(f"error, mean {np.nanmean(errors):.2f} px", fontsize=10)
        axes[4].set(xticks=[], yticks=[])
        block.colorbar(shade, ax=axes[4], fraction=0.04, pad=0.02).ax.tick_params(labelsize=7)
    wheel = grid[0, 2].inset_axes((0.76, 0.0, 0.24, 0.36))
    wheel.imshow(coding.legend(64))
    wheel.set(xticks=[], yticks=[])


def _numbers(block, cfg, results: dict, edge: Path) -> None:
    """Loss curve, error by part, and the samples at a moving edge where there are any."""
    filters = cfg.net.kind == "lsdfn"
    axes = block.subplots(1, 4 if filters else 2, squeeze=False)[0]
    draw_loss(axes[0], cfg, results, "end-point error, five levels")
    _bars(axes[1], results)
    if filters:
        seen = looker.load(edge)
        cell = seen.found.cell_of(seen.pixel, (seen.image.shape[0], seen.image.shape[1]))
        draw_windows(axes[2], seen.image, seen.found, cell, "LS-DFN at a moving edge: its windows")
        draw_field(axes[3], seen.image, seen.found, cell, "and the weights of what it reads")


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
