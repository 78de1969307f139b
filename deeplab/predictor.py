# SPDX-License-Identifier: Apache-2.0
"""A trained network that says which class each pixel has."""

from __future__ import annotations

import numpy as np

from deeplab.task import test_network
from lib.config.multi_scale import check_size
from lib.crf import check, refine
from lib.data import images


class Predictor:
    """The network of `cfg` with these parameters, on `engine`. Raises ValueError if they are of another network."""

    def __init__(self, cfg, engine, arg, aux):
        check(cfg.TEST.crf)
        self._cfg, self.engine = cfg, engine
        engine.build(test_network(cfg), arg, aux)

    def train_ids(self, data: np.ndarray) -> np.ndarray:
        """uint8 (N, h, w), the most probable class of each pixel of float32 (N, 3, h, w) from `to_tensor`.

        Raises ValueError for pictures of which a scale of the network leaves no pixel.
        """
        check_size(data.shape[2:], self._cfg.net)
        crf = self._cfg.TEST.crf
        if not crf.iterations:
            return self.engine.compute({"data": data}, ["classes_output"])["classes_output"].astype(np.uint8)
        found = self.engine.compute({"data": data}, ["softmax_output"])["softmax_output"]
        refined = [refine(each, images.from_tensor(one, self._cfg), crf) for each, one in zip(found, data)]
        return np.stack(refined).argmax(axis=1).astype(np.uint8)

    def picture(self, image: np.ndarray) -> np.ndarray:
        """Train ids, uint8 (h, w), of a picture, uint8 (h, w, 3) RGB of any size; the network sees it under SCALES."""
        size = images.scaled_size(*image.shape[:2], self._cfg.SCALES)
        data = images.to_tensor(images.resize_image(image, size), self._cfg)
        return images.resize_label(self.train_ids(data[None])[0], image.shape[:2])
