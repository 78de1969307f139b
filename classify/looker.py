# SPDX-License-Identifier: Apache-2.0
"""Runs a trained network and gives, beside its prediction, the offsets and masks that its layers used on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classify.batches import to_tensors
from classify.predictor import Predictor
from lib.data.cifar import class_names as cifar_names
from lib.data.mnist import CLOTHES, DIGITS
from lib.looking import look as looks
from lib.looking.look import Look
from lib.looking.seen import convolutions, look_inside
from lib.pictures.style import COLOURS


class Looker:
    """The network of a `Predictor`, asked for its insides.

    names: of the layers that learn where to look, in the network's order. checkpoint: SHA-256 of its parameters' file.
    """

    def __init__(self, cfg, predictor: Predictor):
        self._cfg, self._predictor = cfg, predictor
        self.checkpoint = predictor.digest
        self.names = [layer.name for layer in convolutions(predictor.engine.network.graph)]

    def look(self, image: np.ndarray, name: str, truth: int | None = None) -> Look:
        """image: uint8 (h, w, 3) RGB of any size. name: for titles. truth: its class, if it is known.

        Prediction and truth are maps for those who draw them: every pixel has the picture's class.
        """
        cfg, seen = self._cfg, self._predictor.seen(image)
        probability, layers = look_inside(
            self._predictor.engine, {"data": to_tensors(seen[None], cfg)}, "softmax_output"
        )
        whole = np.zeros(seen.shape[:2], np.uint8)
        return Look(
            run=cfg.run.name,
            epoch=self._predictor.epoch,
            picture=name,
            image=np.stack([seen] * 3, -1) if seen.ndim == 2 else seen,
            prediction=whole + np.uint8(probability[0].argmax()),
            truth=None if truth is None else whole + np.uint8(truth),
            zoom=seen.shape[0] / image.shape[0],
            layers=layers,
            class_names=names_of(cfg),
            palette=palette(),
            checkpoint=self.checkpoint,
        )


def look_path(place: Path, number: int) -> Path:
    """The file in the folder `place` of the look at a test picture."""
    return place / f"look_{number}.npz"


def read_looks(place: Path) -> dict[int, Look]:
    """The looks that evaluation has kept in the folder `place`, by the number of the test picture."""
    numbers = sorted(int(path.stem.removeprefix("look_")) for path in place.glob("look_*.npz"))
    return {number: looks.load(look_path(place, number)) for number in numbers}


def names_of(cfg) -> tuple[str, ...]:
    """Names of the classes, as the data set has them."""
    kind = cfg.dataset.dataset
    if kind.startswith("cifar"):
        return cifar_names(cfg.dataset.dataset_path, kind)
    return CLOTHES if kind == "fashion" else DIGITS


def palette() -> np.ndarray:
    """uint8 (256, 3): a colour for every class."""
    colours = np.array([[int(each[place : place + 2], 16) for place in (1, 3, 5)] for each in COLOURS], np.uint8)
    return colours[np.arange(256) % len(colours)]
