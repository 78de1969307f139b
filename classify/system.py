# SPDX-License-Identifier: Apache-2.0
"""The classifiers as the commands take them."""

from __future__ import annotations

from classify.schema import SCHEMA
from lib.system import System


class Classify(System):
    """Which class a small picture has: digits, digits at many scales, CIFAR."""

    name, schema = "classify", SCHEMA

    def draw(self, cfg, predictor, image):
        from classify.looker import names_of
        from classify.pictures import told

        seen = predictor.seen(image)
        return told(seen, predictor.probabilities(seen[None])[0], names_of(cfg))

    def looker(self, cfg, predictor):
        """What the network does with a picture: `look(image, name, truth)` gives a `lib.looking.look.Look`."""
        from classify.looker import Looker

        return Looker(cfg, predictor)

    def dataset(self, cfg):
        """The test pictures."""
        from classify.data import load_dataset

        return load_dataset(cfg, cfg.dataset.test_image_set)

    def truth_of(self, cfg, image) -> None:
        """Nobody knows the class of a picture that is a file of its own."""
        return


SYSTEM = Classify()
