# SPDX-License-Identifier: Apache-2.0
"""Detections drawn over their picture, and where a network looks for one of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from detection.bins import ChosenBox
from detection.data import class_names
from detection.predictor import SHOWN, Detections
from lib.data.boxes import Objects
from lib.data.voc_labels import colours
from lib.pictures.bins import draw_bins
from lib.pictures.boxes import draw_boxes
from lib.pictures.sampling import draw_sampling, draw_trace


def drawn(cfg, image: np.ndarray, found: Detections, names: tuple[str, ...] = ()) -> Image.Image:
    """The picture with all detections of a score of at least `SHOWN`, the best on top. names: of the classes."""
    names = names or class_names(cfg)
    order = [number for number in np.argsort(found.scores, kind="stable") if found.scores[number] >= SHOWN]
    texts = [f"{names[found.classes[each]]} {found.scores[each]:.2f}" for each in order]
    return draw_boxes(image, found.boxes[order], texts, colours(len(names))[found.classes[order]])


def drawn_truth(image: np.ndarray, truth: Objects, names: tuple[str, ...]) -> Image.Image:
    """The picture with its objects; difficult ones are told."""
    texts = [names[each] + (" (difficult)" if hard else "") for each, hard in zip(truth.classes, truth.difficult)]
    return draw_boxes(image, truth.boxes, texts, colours(len(names))[truth.classes])


def box_panels(chosen: ChosenBox, layers: int = 1) -> list[Callable]:
    """What draws, each into an axis, where a network looks for a box: the points of the last `layers` convolutions, of
    up to three of them together, and the parts of the box where poolings move them."""
    look, pixel, name = chosen.look, chosen.pixel, chosen.name
    made: list[Callable] = []
    for layer in look.layers[-layers:]:
        title = f"{name}: {layer.name} reads here"
        made.append(partial(draw_sampling, image=look.image, layer=layer, pixel=pixel, title=title))
    if look.layers:
        made.append(partial(draw_trace, image=look.image, layers=look.layers[-3:], pixel=pixel))
    for pooling, (regular, moved) in chosen.bins.items():
        made.append(partial(draw_bins, image=look.image, regular=regular, moved=moved, title=f"{name}: {pooling}"))
    return made
