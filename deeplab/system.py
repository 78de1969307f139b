# SPDX-License-Identifier: Apache-2.0
"""DeepLab as the commands take it."""

from __future__ import annotations

from pathlib import Path

from deeplab.schema import SCHEMA
from lib.run.program import tell
from lib.system import System


class DeepLab(System):
    """Semantic segmentation on Cityscapes, PASCAL VOC or generated streets."""

    name, schema = "deeplab", SCHEMA

    def hidden_test_set(self, cfg) -> str:
        from deeplab.submission import hidden_test_set

        return hidden_test_set(cfg)

    def submit(self, cfg, predictor, place, log) -> Path:
        from deeplab.submission import submit

        return submit(cfg, predictor, place, log)

    def draw(self, cfg, predictor, image):
        from deeplab.data import kind_of
        from lib.pictures.overlay import overlay

        kind = kind_of(cfg)
        return overlay(image, predictor.picture(image), kind.class_names, kind.palette)

    def looker(self, cfg, predictor):
        from deeplab.looker import Looker

        return Looker(cfg, predictor)

    def dataset(self, cfg):
        from deeplab.data import load_dataset

        return load_dataset(cfg, cfg.dataset.test_image_set)

    def truth_of(self, cfg, image):
        from deeplab.data import truth_of

        return truth_of(cfg, image)

    def check_data(self, cfg, workers: int):
        from deeplab.preflight import check_config

        return check_config(cfg, workers)

    def prepare(self, cfg, log=tell) -> None:
        from deeplab.data import STREETS
        from lib.data.streets.write import Settings, generate

        path = Path(cfg.dataset.dataset_path)
        if path == STREETS and not path.exists() and not cfg.dataset.streets.train:
            log(f"making the generated streets in {path}")
            generate(path, Settings(train=200, val=40, height=128, width=192, seed=7))


SYSTEM = DeepLab()
