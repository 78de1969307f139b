# SPDX-License-Identifier: Apache-2.0
"""Datasets for training and evaluation.

`load_dataset` gives a dataset, `batches.Batches` the arrays to train on, `evaluate.Evaluator` the mIoU; `streets`
makes a stand-in for Cityscapes where there is none.
"""

from __future__ import annotations

from deeplab.dataset.cityscapes import Cityscapes, Record
from deeplab.dataset.pictures import DatasetError
from deeplab.dataset.streets.write import Settings, generate

__all__ = ["Cityscapes", "DatasetError", "Record", "load_dataset"]


def load_dataset(cfg, image_set: str) -> Cityscapes:
    """The dataset that cfg.dataset names, one image set of it; generated streets are made if they are not there.

    Args:
        cfg: configuration; reads dataset.{dataset, dataset_path, annotation_prefix, NUM_CLASSES, streets}.
        image_set: 'leftImg8bit_train', 'leftImg8bit_val', ... (cfg.dataset.image_set or .test_image_set).
    Raises DatasetError naming the setting or the file that does not fit.
    """
    kind = cfg.dataset.dataset
    if kind.lower() not in ("cityscape", "cityscapes"):
        raise DatasetError(f"dataset.dataset: there is no reader for {kind!r}; expected 'CityScape'")
    streets = cfg.dataset.streets
    if streets.train:
        generate(cfg.dataset.dataset_path, Settings(streets.train, streets.val, *cfg.SCALES[0], streets.seed))
    dataset = Cityscapes(cfg.dataset.dataset_path, image_set, cfg.dataset.annotation_prefix)
    if cfg.dataset.NUM_CLASSES != dataset.num_classes:
        raise DatasetError(
            f"dataset.NUM_CLASSES: {kind} has {dataset.num_classes} classes, got {cfg.dataset.NUM_CLASSES}"
        )
    return dataset
