# SPDX-License-Identifier: Apache-2.0
"""What a network does with a search picture: where its layers look in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.crops import crop, middle_of, side_of, to_crop
from lib.data.sequences import Sequence
from lib.looking import look as looks
from lib.looking.look import Look
from lib.looking.seen import look_inside

PALETTE = np.zeros((256, 3), np.uint8)


def look_at(cfg, predictor, sequence: Sequence, boxes: np.ndarray, frame: int) -> Look:
    """A look at the search picture in which the target of frame `frame`, from 1 on, was found.

    boxes: (frames, 4) of the tracker, [x, y, width, height]. The look's prediction is 1 inside the box, its truth is 1
    inside the true one.
    """
    first, last = boxes[0], boxes[frame - 1]
    predictor.remember(crop(sequence.image(0), middle_of(first), side_of(*first[2:]), cfg.net.template))
    middle, side = window_of(cfg, last)
    search = crop(sequence.image(frame), middle, side, cfg.TEST.SEARCH)
    _, layers = look_inside(predictor.engine, predictor.inputs(search), "probability")
    return Look(
        run=cfg.run.name,
        epoch=predictor.epoch,
        picture=f"{sequence.name} {frame}",
        image=search,
        prediction=_inside(to_crop(boxes[frame], middle, side, cfg.TEST.SEARCH), cfg.TEST.SEARCH),
        truth=_inside(to_crop(sequence.boxes[frame], middle, side, cfg.TEST.SEARCH), cfg.TEST.SEARCH),
        zoom=cfg.TEST.SEARCH / side,
        layers=layers,
        class_names=("surroundings", "target"),
        palette=PALETTE,
        checkpoint=predictor.digest,
    )


def read_strips(place: Path) -> dict[str, list[Look]]:
    """{film: looks at some of its search pictures, in its order}, as evaluation has kept them in the folder `place`."""
    strips: dict[str, list[Look]] = {}
    for path in sorted(place.glob("look_*_[0-9].npz")):
        strips.setdefault(path.stem[len("look_") : -2], []).append(looks.load(path))
    return strips


def window_of(cfg, box) -> tuple[tuple[float, float], float]:
    """Middle and side of what is searched around the last box of a target."""
    return middle_of(box), side_of(*box[2:]) * cfg.TEST.SEARCH / cfg.net.template


def _inside(box, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    left, top, width, height = box
    return ((x >= left) & (x < left + width) & (y >= top) & (y < top + height)).astype(np.uint8)
