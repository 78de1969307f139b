# SPDX-License-Identifier: Apache-2.0
"""Runs a trained network and gives, beside its prediction, the offsets and masks that its layers used on the way."""

from __future__ import annotations

import numpy as np

from deeplab.data import kind_of
from deeplab.predictor import Predictor
from lib.config.multi_scale import check_size
from lib.data import images
from lib.looking.filters import filters_inside
from lib.looking.look import Look
from lib.looking.seen import convolutions, look_inside


class Looker:
    """The network of a `Predictor`, asked for its insides.

    names: of the layers that learn where to look, in the network's order. checkpoint: SHA-256 of its parameters' file.
    """

    def __init__(self, cfg, predictor: Predictor):
        self._cfg, self._predictor = cfg, predictor
        self.checkpoint = predictor.digest
        self.names = [layer.name for layer in convolutions(predictor.engine.network.graph)]

    def look(self, image: np.ndarray, name: str, truth: np.ndarray | None = None) -> Look:
        """image: uint8 (h, w, 3) RGB of any size. name: for titles. truth: train ids (h, w), if they are known."""
        cfg = self._cfg
        size = images.scaled_size(*image.shape[:2], cfg.SCALES)
        check_size(size, cfg.net)
        seen = images.resize_image(image, size)
        inputs = {"data": images.to_tensor(seen, cfg)[None]}
        classes, layers = look_inside(self._predictor.engine, inputs, "classes_output")
        kind = kind_of(cfg)
        return Look(
            run=cfg.run.name,
            epoch=self._predictor.epoch,
            picture=name,
            image=seen,
            prediction=classes[0].astype(np.uint8),
            truth=None if truth is None else images.resize_label(truth, size),
            zoom=size[0] / image.shape[0],
            layers=layers,
            class_names=tuple(kind.class_names),
            palette=kind.palette,
            checkpoint=self.checkpoint,
            filters=filters_inside(self._predictor.engine, inputs),
        )
