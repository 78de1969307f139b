# SPDX-License-Identifier: Apache-2.0
"""A trained network that says which class a picture has."""

from __future__ import annotations

import numpy as np
from PIL import Image

from classify.batches import to_tensors
from classify.data import picture_size
from classify.task import test_network


class Predictor:
    """The network of `cfg` with these parameters, on `engine`. Raises ValueError if they are of another network."""

    def __init__(self, cfg, engine, arg, aux):
        self._cfg, self.engine = cfg, engine
        engine.build(test_network(cfg), arg, aux)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, classes) for uint8 (N, h, w) or (N, h, w, 3) RGB; cfg.TEST.BATCH_IMAGES go through at once."""
        size = self._cfg.TEST.BATCH_IMAGES
        groups = [images[first : first + size] for first in range(0, len(images), size)]
        inputs = ({"data": to_tensors(group, self._cfg)} for group in groups)
        return np.concatenate([self.engine.compute(each, ["softmax_output"])["softmax_output"] for each in inputs])

    def seen(self, image: np.ndarray) -> np.ndarray:
        """A picture of any size, uint8 (h, w, 3) RGB, as the network takes it: (h, w) or (h, w, 3), uint8."""
        channels, height, width = picture_size(self._cfg)
        picture = Image.fromarray(image).convert("L" if channels == 1 else "RGB")
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
