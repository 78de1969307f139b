# SPDX-License-Identifier: Apache-2.0
"""Detection as the commands take it."""

from __future__ import annotations

from pathlib import Path

from detection.schema import SCHEMA
from lib.run.program import tell
from lib.system import System


class Detection(System):
    """Objects on PASCAL VOC, COCO or generated streets."""

    name, schema = "detection", SCHEMA

    def hidden_test_set(self, cfg) -> str:
        from detection.submission import hidden_test_set

        return hidden_test_set(cfg)

    def submit(self, cfg, predictor, place, log) -> Path:
        from detection.submission import submit

        return submit(cfg, predictor, place, log)

    def draw(self, cfg, predictor, image):
        from detection.pictures import drawn

        return drawn(cfg, image, predictor.detections([image])[0])

    def looker(self, cfg, predictor):
        """What the network does with a picture: `look(image, name, truth)` gives a `lib.looking.look.Look`."""
        from detection.looker import Looker

        return Looker(cfg, predictor)

    def more_figures(self, cfg, predictor, image, place) -> dict:
        """bins.png, where a pooling moves the parts of its boxes."""
        from detection.figures import bins_figure

        figure = bins_figure(cfg, predictor, image, place)
        return {"bins.png": figure} if figure else {}

    def dataset(self, cfg):
        """The test images."""
        from detection.data import load_dataset

        return load_dataset(cfg, cfg.dataset.test_image_set)

    def truth_of(self, cfg, image):
        """The objects of a picture that lies in a VOC kit, as a map of classes, or None."""
        from detection.looker import truth_of

        return truth_of(cfg, image)

    def check_data(self, cfg, workers: int):
        """What is wrong with the data that cfg trains and tests on."""
        from detection.preflight import check_config

        return check_config(cfg, workers)

    def prepare(self, cfg, log=tell) -> None:
        from detection.data import STREETS
        from lib.data.streets.boxes import box_settings, generate_boxes

        path = Path(cfg.dataset.dataset_path)
        if path == STREETS and not path.exists() and not cfg.dataset.streets.train:
            log(f"making the generated streets in {path}")
            generate_boxes(path, box_settings(train=320, val=200, height=128, width=192, seed=7))


SYSTEM = Detection()
