# SPDX-License-Identifier: Apache-2.0
"""What `lib.commands.inspect` draws of detection alone: the parts of one box, where the network moves them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from detection.batches import scaled
from detection.bins import pooled_bins, shown_detection
from detection.data import class_names
from detection.predictor import SHOWN, Detections, Predictor
from lib.pictures.bins import draw_bins


def bins_figure(cfg, predictor: Predictor, image: np.ndarray, place: tuple[int, int] | None) -> Figure | None:
    """A panel for each pooling that moves its parts; None where none does, or nothing is found.

    place: a pixel (y, x) of `image`, for its surest detection there; None: for its largest one.
    """
    found = predictor.detections([image])[0]
    number = shown_detection(found, SHOWN) if place is None else _at(found, place)
    bins = {} if number is None else pooled_bins(cfg, predictor, image, found.boxes[number], found.classes[number])
    if not bins:
        return None
    seen, _ = scaled(image, cfg)
    figure = Figure(figsize=(6.5 * len(bins), 0.8 + 6.5 * seen.shape[0] / seen.shape[1]), layout="constrained")
    name = f"{class_names(cfg)[found.classes[number]]} {found.scores[number]:.2f}"
    figure.suptitle(f"{cfg.run.name}, {name}: where the parts of its box look", fontsize=12)
    for axis, (pooling, (regular, moved)) in zip(figure.subplots(1, len(bins), squeeze=False)[0], bins.items()):
        draw_bins(axis, seen, regular, moved, pooling)
    return figure


def _at(found: Detections, place: tuple[int, int]) -> int | None:
    """The number of the surest detection whose box holds a pixel (y, x); None if there is none."""
    corners, here = found.boxes.reshape(-1, 2, 2), np.asarray(place)[::-1]
    holds = (corners[:, 0] <= here).all(1) & (here <= corners[:, 1]).all(1)
    scores = np.where(holds, found.scores, -1)
    return int(scores.argmax()) if holds.any() else None
