# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png: what evaluation has found, and, of a network that learns
where to look, where it looks for one of its boxes. No network runs."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from detection.data import load_dataset
from detection.evaluation import read_detections, shown
from detection.looker import load_box
from detection.pictures import box_panels, drawn, drawn_truth
from lib.pictures import panels
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.style import picture
from lib.run import folder
from lib.run.program import tell


def summary(cfg) -> Path:
    """Prints the run's numbers, draws summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    tell(headline(cfg, results, zero))
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    chosen, box = shown(data), load_box(folder.results_path(cfg).with_suffix(""))
    columns = ["what is there", "what is found"] + (["with offsets set to 0"] if zero else [])
    height, width = data.records[chosen[0]].size
    heights = [len(chosen) * (WIDTH / len(columns)) * height / width + 0.6]
    looks = box_panels(box) if box else []
    heights += [WIDTH / max(len(looks), 3) * height / width + 0.7] if looks else []
    heights += [3.9]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(headline(cfg, results, zero), fontsize=13, fontweight="bold")
    blocks = list(figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.02))
    _pictures(blocks.pop(0), cfg, data, chosen, columns)
    if looks:
        axes = blocks.pop(0).subplots(1, max(len(looks), 3))
        for axis, draw in zip_longest(axes, looks):
            draw(axis) if draw else axis.axis("off")
    _numbers(blocks.pop(0), cfg, results, zero)
    return write_summary(cfg, figure)


def headline(cfg, results: dict, zero: dict | None) -> str:
    """The run's numbers in one line."""
    name = results["metric"]
    text = f"{cfg.run.name}: {name} {results['value']:.3f} after {results['epoch']} epochs"
    if "map_70" in results:
        text += f", mAP@.7 {results['map_70']:.3f}"
    return text + (f"; with its offsets set to 0: {name} {zero['value']:.3f}" if zero else "")


def _pictures(block, cfg, data, chosen, columns) -> None:
    axes = block.subplots(len(chosen), len(columns), squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    stored = [read_detections(folder.results_path(cfg, zero).with_suffix("")) for zero in (False, True)]
    for row, number in enumerate(chosen):
        record = data.records[number]
        image = data.image(record)
        made = [drawn_truth(image, record.objects, data.class_names)]
        made += [drawn(cfg, image, each[number], data.class_names) for each in stored[: len(columns) - 1] if each]
        for axis, title, one in zip(axes[row], columns, made):
            picture(axis, np.asarray(one), title if row == 0 else "")


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve and average precision per class."""
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    draw_loss(left, cfg, results, "classes and boxes")
    names = [name for name, value in results["parts"].items() if value is not None]
    panels.class_bars(right, results, zero, names, f"Average precision per class ({results['metric']})")
