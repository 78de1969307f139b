# SPDX-License-Identifier: Apache-2.0
"""A trained network that says where each pixel of a picture is in the next."""

from __future__ import annotations

import numpy as np

from flow.batches import to_tensor
from flow.task import test_network
from lib.looking.filters import Filter, filters_inside

STEP = 4  # pixels of a cell of level 2: sides are filled up to a multiple of it


class Predictor:
    """The network of `cfg` with these parameters, on `engine`. Raises ValueError if they are of another network."""

    def __init__(self, cfg, engine, arg, aux):
        self._cfg, self.engine = cfg, engine
        engine.build(test_network(cfg), arg, aux)

    def flows(self, pairs) -> np.ndarray:
        """float32 (N, h, w, 2), (u, v) in pixels, for pairs of pictures uint8 (h, w, 3) RGB of one size."""
        found = self.engine.compute({"data": self._tensors(pairs)}, ["flow_output"])["flow_output"]
        height, width = pairs[0][0].shape[:2]
        return found[:, :, :height, :width].transpose(0, 2, 3, 1)

    def filters(self, pair) -> list[Filter]:
        """What the network's dynamic filters do with one such pair."""
        return filters_inside(self.engine, {"data": self._tensors([pair])})

    def _tensors(self, pairs) -> np.ndarray:
        """Raises ValueError for two pictures of different sizes."""
        for first, second in pairs:
            if first.shape != second.shape:
                sizes = " and ".join(f"{each.shape[1]} x {each.shape[0]}" for each in (first, second))
                raise ValueError(f"both pictures must have one size, got {sizes} pixels (width x height)")
        data = np.stack([to_tensor(*pair, self._cfg) for pair in pairs])
        missing = [-side % STEP for side in data.shape[2:]]  # filled with 0, the mean colour
        return np.pad(data, ((0, 0), (0, 0), *((0, each) for each in missing)))
