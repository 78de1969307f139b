# SPDX-License-Identifier: Apache-2.0
"""Draws what a run has learned into one picture, summary.png: test pictures with what the network takes them for, where
its last layer looks in them, the loss, and the accuracy by scale or class.

It reads what training and evaluation have left in the output folder; no network runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from classify.data import load_dataset
from classify.evaluation import shown
from classify.looker import read_looks
from classify.pictures import draw_looks, draw_pictures
from lib.pictures import panels
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.run import folder
from lib.run.program import tell


def summary(cfg) -> Path:
    """Prints the run's numbers, draws <output_path>/<run name>/summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    text = headline(cfg, results, zero)
    tell(text)
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    place = folder.results_path(cfg).with_suffix("")
    numbers, kept = shown(data), read_looks(place)
    if set(kept) != set(numbers):  # others were tested
        raise ValueError(f"{place}: has looks at pictures {sorted(kept)}, expected {sorted(numbers)}; evaluate again "
                         "(./test.sh CONFIG)")  # fmt: skip
    seen = [kept[number] for number in numbers]
    looking = bool(seen[0].layers)
    heights = [2.3, *([2.3] if looking else []), 3.6]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(text, fontsize=13, fontweight="bold")
    blocks = list(np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights)))
    draw_pictures(blocks.pop(0), seen, None if data.zoom is None else data.zoom[numbers])
    if looking:
        draw_looks(blocks.pop(0), seen)
    _numbers(blocks.pop(0), cfg, results, zero)
    return write_summary(cfg, figure)


def headline(cfg, results: dict, zero: dict | None) -> str:
    """The run's numbers in one line."""
    text = f"{cfg.run.name}: accuracy {results['value']:.4f} after {results['epoch']} epochs"
    if zero:
        gain = results["value"] - zero["value"]
        text += f"; with its offsets set to 0: {zero['value']:.4f} ({gain:+.4f} from the offsets)"
    return text


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve, and accuracy by scale or class."""
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    draw_loss(left, cfg, results, "cross entropy")
    of = "scale (above 1: smaller)" if cfg.dataset.zoom.test else "class"
    panels.class_bars(right, results, zero, list(results["parts"]), f"Accuracy on test pictures, by {of}")
