# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png: what evaluation has found, and, of a network that learns
where to look, where it looks for one of its boxes (for which the network sees that picture once more)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from detection.bins import pooled_bins, shown_detection
from detection.data import load_dataset
from detection.evaluation import read_detections
from detection.pictures import SHOWN, drawn, drawn_truth
from detection.schema import from_file
from lib.looking.layers import looking_layers
from lib.pictures import panels
from lib.pictures.bins import draw_bins
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.sampling import draw_sampling, draw_trace
from lib.pictures.style import picture
from lib.run import folder
from lib.run.program import tell
from lib.run.threads import use_threads

PICTURES = 3


def summary(cfg) -> Path:
    """Prints the run's numbers, draws summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    tell(headline(cfg, results, zero))
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    chosen = np.unique(np.linspace(0, len(data.records) - 1, PICTURES + 2).astype(int)[1:-1])
    columns = ["what is there", "what is found"] + (["with offsets set to 0"] if zero else [])
    height, width = data.records[chosen[0]].size
    heights = [len(chosen) * (WIDTH / len(columns)) * height / width + 0.6]
    looks = _looks(cfg, results, data, chosen)
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
        shown = [drawn_truth(image, record.objects, data.class_names)]
        shown += [drawn(cfg, image, each[number], data.class_names) for each in stored[: len(columns) - 1] if each]
        for axis, title, one in zip(axes[row], columns, shown):
            picture(axis, np.asarray(one), title if row == 0 else "")


def _looks(cfg, results: dict, data, chosen) -> list[Callable]:
    """What draws, each into an axis, where the network looks for a box of the first chosen picture that has one."""
    from detection.system import SYSTEM

    layers = looking_layers(Path(f"{folder.prefix(cfg)}-symbol.json").read_text(encoding="utf-8"))
    found = read_detections(folder.results_path(cfg).with_suffix(""))
    numbers = [number for number in chosen if shown_detection(found[number], SHOWN) is not None]
    if not layers or not numbers or from_file(cfg):
        return []
    use_threads(cfg.run.threads)  # before anything imports a framework
    from lib.predictors import predictor

    made, one = predictor(SYSTEM, cfg, results["epoch"]), found[numbers[0]]
    image, best = data.image(data.records[numbers[0]]), shown_detection(one, SHOWN)
    look, box = SYSTEM.looker(cfg, made).look(image, ""), one.boxes[best]
    pixel = look.seen_pixel(tuple(int(each) for each in (box[1::2].mean(), box[0::2].mean())))
    name = f"{data.class_names[one.classes[best]]} {one.scores[best]:.2f}"
    draws: list[Callable] = []
    if look.layers:
        last = look.layers[-1]
        draws.append(lambda axis: draw_sampling(axis, look.image, last, pixel, f"{name}: {last.name} reads here"))
        draws.append(lambda axis: draw_trace(axis, look.image, look.layers[-3:], pixel))
    for pooling, bins in pooled_bins(cfg, made, image, box, one.classes[best]).items():
        draws.append(partial(draw_bins, image=look.image, regular=bins[0], moved=bins[1], title=f"{name}: {pooling}"))
    return draws


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve and average precision per class."""
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    draw_loss(left, cfg, results, "classes and boxes")
    names = [name for name, value in results["parts"].items() if value is not None]
    panels.class_bars(right, results, zero, names, f"Average precision per class ({results['metric']})")
