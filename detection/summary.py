# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png, from what training and evaluation have left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from detection.data import load_dataset
from detection.evaluation import read_detections
from detection.pictures import drawn, drawn_truth
from lib.pictures import panels
from lib.pictures.style import picture
from lib.run import folder
from lib.run.atomic import write_with
from lib.run.metrics import read_metrics
from lib.run.program import tell

PICTURES = 3
WIDTH, DPI = 13.0, 110  # inches, pixels per inch


def summary(cfg) -> Path:
    """Prints the run's numbers, draws summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    tell(headline(cfg, results, zero))
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    chosen = np.unique(np.linspace(0, len(data.records) - 1, PICTURES + 2).astype(int)[1:-1])
    columns = ["what is there", "what is found"] + (["with offsets set to 0"] if zero else [])
    height, width = data.records[chosen[0]].size
    heights = [len(chosen) * (WIDTH / len(columns)) * height / width + 0.6, 3.9]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(headline(cfg, results, zero), fontsize=13, fontweight="bold")
    above, below = figure.subfigures(2, 1, height_ratios=heights, hspace=0.02)
    _pictures(above, cfg, data, chosen, columns)
    _numbers(below, cfg, results, zero)
    path = Path(cfg.output_path) / cfg.run.name / "summary.png"
    write_with(path, lambda file: figure.savefig(file, format="png", dpi=DPI))
    return path


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
        shown = [drawn_truth(image, record.objects, data.class_names)]
        shown += [drawn(cfg, image, each[number], data.class_names) for each in stored[: len(columns) - 1] if each]
        for axis, title, one in zip(axes[row], columns, shown):
            picture(axis, np.asarray(one), title if row == 0 else "")


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve and average precision per class."""
    path = folder.prefix(cfg).parent / "metrics.jsonl"
    lines = [line for line in read_metrics(path) if line["epoch"] < results["epoch"]]
    events = [[line for line in lines if line["event"] == event] for event in ("update", "epoch")]
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    panels.loss_curve(left, *events, of="classes and boxes")
    names = [name for name, value in results["parts"].items() if value is not None]
    panels.class_bars(right, results, zero, names, f"Average precision per class ({results['metric']})")
