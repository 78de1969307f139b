# SPDX-License-Identifier: Apache-2.0
"""A trained network as a tracker needs it."""

from __future__ import annotations

import numpy as np

from lib.data.images import to_tensor
from tracking.anchors import anchors_of
from tracking.task import test_network
from tracking.tracker import Rule, Tracker

KERNELS = ("class_kernels", "box_kernels")


class Predictor:
    """The network of `cfg` with these parameters, on `engine`: a `tracking.tracker.Net`. It remembers one target.

    Raises ValueError if the parameters are of another network.
    """

    def __init__(self, cfg, engine, arg, aux):
        self._cfg, self.engine = cfg, engine
        self._kernels: dict[str, np.ndarray] = {}
        self._anchors: dict[int, np.ndarray] = {}
        engine.build(test_network(cfg), arg, aux)

    def tracker(self) -> Tracker:
        """A tracker on this network. Of several, the one that was started last is right."""
        return Tracker(self, rule_of(self._cfg))

    def remember(self, template: np.ndarray) -> None:
        """Takes the target, uint8 (t, t, 3) RGB."""
        self._kernels = self.engine.compute({"template": self._tensor(template)}, KERNELS)

    def find(self, search: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(anchors (M, 4), probabilities (M,), deltas (M, 4)) of a search picture, uint8 (s, s, 3) RGB."""
        side = search.shape[0]
        if side not in self._anchors:
            self._anchors[side] = anchors_of(self._cfg, side)
        found = self.engine.compute(self.inputs(search), ("probability", "deltas"))
        return self._anchors[side], found["probability"][0], found["deltas"][0]

    def inputs(self, search: np.ndarray) -> dict[str, np.ndarray]:
        """What the network takes to search a picture for what it remembers."""
        return {"search": self._tensor(search), **self._kernels}

    def _tensor(self, image: np.ndarray) -> np.ndarray:
        return to_tensor(image, self._cfg)[None]


def rule_of(cfg) -> Rule:
    """How a network of this configuration tracks."""
    test = cfg.TEST
    return Rule(
        template=cfg.net.template,
        search=test.SEARCH,
        small_search=test.SMALL_SEARCH,
        small_share=test.SMALL_SHARE,
        penalty=test.PENALTY,
        window=test.WINDOW,
        rate=test.RATE,
        min_side=test.MIN_SIDE,
    )
