# SPDX-License-Identifier: Apache-2.0
"""Where the parts of a box look that a network judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detection.batches import network_inputs
from detection.data import class_names
from detection.predictor import SHOWN, Detections, Predictor
from lib.boxes import geometry
from lib.looking.bins import MovedBox, moved_bins, regular_bins
from lib.looking.layers import LookingLayer, looking_layers
from lib.looking.look import Look

Bins = tuple[np.ndarray, np.ndarray]
"""The parts of a box, as they are and as they are moved, see `lib.looking.bins`."""


@dataclass(frozen=True)
class ChosenBox:
    """Where a network looks for one box that it has found.

    name: its class and score. pixel: (y, x) of look.image, the middle of the box. bins: by the pooling that moves them,
    in pixels of look.image.
    """

    name: str
    pixel: tuple[int, int]
    look: Look
    bins: dict[str, Bins]


def shown_detection(found: Detections, least: float) -> int | None:
    """The number of the largest detection of a score of at least `least`; None if there is none."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    areas = np.where(found.scores >= least, sides[:, 0] * sides[:, 1], -1)
    return int(areas.argmax()) if len(areas) and areas.max() >= 0 else None


def poolings(graph: str) -> list[LookingLayer]:
    """The poolings of a graph that move the parts of their boxes."""
    return [layer for layer in looking_layers(graph) if layer.kind == "pooling"]


def pooling_outputs(layers: list[LookingLayer]) -> list[str]:
    """Names of the internal outputs that tell where poolings move the parts of a picture's boxes."""
    return ["rois_output", *(layer.offset for layer in layers)] if layers else []


def pooled_bins(cfg, predictor: Predictor, image: np.ndarray, box, kind: int) -> dict[str, Bins]:
    """The parts of the proposal that is nearest to a box, by the name of the pooling that moves them.

    box: [x1, y1, x2, y2] in pixels of `image`. kind: its class, whose parts are meant where classes have their own.
    """
    layers = poolings(predictor.engine.network.graph)
    if not layers:
        return {}
    _, scale, inputs = network_inputs(cfg, image)
    arrays = predictor.engine.compute(inputs, pooling_outputs(layers))
    return _bins(cfg, layers, arrays, np.asarray(box) * scale, kind)


def moved_boxes(cfg, layers: list[LookingLayer], arrays: Mapping, found: Detections, scale: float) -> list[MovedBox]:
    """The detections of a score of at least `SHOWN`, the surest first, as the poolings `layers` move their parts.

    arrays: what `pooling_outputs` names, of that one picture. scale: network pixels per pixel of the picture.
    """
    if not layers:
        return []
    order = [each for each in np.argsort(-found.scores, kind="stable") if found.scores[each] >= SHOWN]
    names = class_names(cfg)
    return [
        MovedBox(f"{names[kind]} {score:.2f}", box * scale, _bins(cfg, layers, arrays, box * scale, kind))
        for kind, score, box in zip(found.classes[order], found.scores[order], found.boxes[order])
    ]


def _bins(cfg, layers: list[LookingLayer], arrays: Mapping, box: np.ndarray, kind: int) -> dict[str, Bins]:
    """box: in the network's pixels."""
    rois = arrays["rois_output"][:, 1:]
    nearest = int(geometry.iou(rois, box[None])[:, 0].argmax())
    found = {}
    for layer in layers:
        trans = arrays[layer.offset][nearest]
        first = 2 * kind if len(trans) > 2 else 0
        moved = moved_bins(rois[nearest], trans[first : first + 2], cfg.net.trans_std)
        found[layer.name] = regular_bins(rois[nearest], trans.shape[-1]), moved
    return found
