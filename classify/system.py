# SPDX-License-Identifier: Apache-2.0
"""The classifiers as the commands take them."""

from __future__ import annotations

from pathlib import Path

from classify.schema import SCHEMA
from lib.system import System


class Classify(System):
    """Which class a small picture has: digits, digits at many scales, CIFAR. What loads MXNet is imported when asked
    for: the number of threads must be said before."""

    name, schema = "classify", SCHEMA

    def training(self, cfg, place):
        from classify.task import training

        return training(cfg, place)

    def predictor(self, cfg, engine, arg, aux):
        from classify.predictor import Predictor

        return Predictor(cfg, engine, arg, aux)

    def layers(self, cfg) -> list:
        from classify.graphs import graph
        from lib.looking.layers import looking_layers

        return looking_layers(graph(cfg, "test"))

    def evaluate(self, cfg, predictor, place, ignore_cache, log) -> dict:
        from classify.evaluation import evaluate

        return evaluate(cfg, predictor, place, ignore_cache, log)

    def draw(self, cfg, predictor, image):
        from classify.looker import names_of
        from classify.pictures import told

        seen = predictor.seen(image)
        return told(seen, predictor.probabilities(seen[None])[0], names_of(cfg))

    def rules(self, cfg) -> dict:
        from classify.graphs import graph
        from classify.rules import rules_of

        return rules_of(cfg, graph(cfg, "train"))

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

    def summary(self, cfg) -> Path:
        from classify.summary import summary

        return summary(cfg)


SYSTEM = Classify()
