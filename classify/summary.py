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
from classify.evaluation import PREDICTIONS, shown
from lib.data.labelled import Labelled
from lib.looking import look as looks
from lib.looking.look import Look
from lib.pictures import panels
from lib.pictures.run_picture import WIDTH, draw_loss, write_summary
from lib.pictures.sampling import draw_sampling
from lib.pictures.style import picture
from lib.run import folder
from lib.run.damage import read_arrays
from lib.run.program import tell

RIGHT, WRONG = "#1b7837", "#c1121f"
INK = 60  # grey level from which a pixel belongs to a digit


def summary(cfg) -> Path:
    """Prints the run's numbers, draws <output_path>/<run name>/summary.png and gives its path."""
    results, zero = folder.read_results(cfg)
    text = headline(cfg, results, zero)
    tell(text)
    data = load_dataset(cfg, cfg.dataset.test_image_set)
    place = folder.results_path(cfg).with_suffix("")
    seen = {number: looks.load(place / f"look_{number}.npz") for number in shown(data)}
    predicted = read_arrays(place / PREDICTIONS, "evaluate again (./test.sh CONFIG)")["classes"]
    looking = bool(next(iter(seen.values())).layers)
    heights = [2.3, *([2.3] if looking else []), 3.6]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    figure.suptitle(text, fontsize=13, fontweight="bold")
    blocks = list(np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights)))
    _pictures(blocks.pop(0), data, seen, predicted)
    if looking:
        _looks(blocks.pop(0), seen)
    _numbers(blocks.pop(0), cfg, results, zero)
    return write_summary(cfg, figure)


def headline(cfg, results: dict, zero: dict | None) -> str:
    """The run's numbers in one line."""
    text = f"{cfg.run.name}: accuracy {results['value']:.4f} after {results['epoch']} epochs"
    if zero:
        gain = results["value"] - zero["value"]
        text += f"; with its offsets set to 0: {zero['value']:.4f} ({gain:+.4f} from the offsets)"
    return text


def telling_pixel(image: np.ndarray) -> tuple[int, int]:
    """A pixel (y, x) in the middle of what is drawn in a picture, uint8 (h, w, 3); the middle of an empty one."""
    mask = image.max(axis=2) > INK
    height, width = mask.shape
    return panels.middle_of(mask, reach=max(2, height // 10)) if mask.any() else (height // 2, width // 2)


def _pictures(block, data: Labelled, seen: dict[int, Look], predicted: np.ndarray) -> None:
    """Test pictures, each with what it is taken for, in red where that is wrong."""
    axes = block.subplots(1, len(seen), squeeze=False)[0]
    for axis, (number, look) in zip(axes, seen.items()):
        truth, found = (data.class_names[each] for each in (data.labels[number], predicted[number]))
        picture(axis, look.image, found if found == truth else f"{found}, not {truth}")
        axis.title.set_color(RIGHT if found == truth else WRONG)
        if data.zoom is not None:
            axis.set_xlabel(f"zoomed by 1/{data.zoom[number]:.2f}", fontsize=8)


def _looks(block, seen: dict[int, Look]) -> None:
    """Where the last layer looks from one pixel of each picture."""
    axes = block.subplots(1, len(seen), squeeze=False)[0]
    for axis, look in zip(axes, seen.values()):
        layer = look.layers[-1]
        moved = float(layer.moved().mean())
        draw_sampling(axis, look.image, layer, telling_pixel(look.image), f"{layer.name}, moved {moved:.1f} px")


def _numbers(block, cfg, results: dict, zero: dict | None) -> None:
    """Loss curve, and accuracy by scale or class."""
    left, right = block.subplots(1, 2, gridspec_kw={"width_ratios": [7, 5]})
    draw_loss(left, cfg, results, "cross entropy")
    of = "scale (above 1: smaller)" if cfg.dataset.zoom.test else "class"
    panels.class_bars(right, results, zero, list(results["parts"]), f"Accuracy on test pictures, by {of}")
