# SPDX-License-Identifier: Apache-2.0
"""The data sets that DeepLab trains and tests on: Cityscapes, PASCAL VOC, generated streets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data import cityscapes, voc
from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError
from lib.data.streets.voc import generate_voc
from lib.data.streets.write import Settings, generate
from lib.data.voc import PascalVOC

STREETS = Path("data/streets")
"""What the quick_* configurations train on; made where it is not there."""


def load_dataset(cfg, image_set: str, labels: bool = True) -> Cityscapes | PascalVOC:
    """The dataset that cfg.dataset names, one image set of it or several; streets are made if they are not there.

    Args:
        cfg: configuration; reads dataset.{dataset, dataset_path, annotation_prefix, NUM_CLASSES, streets}.
        image_set: 'leftImg8bit_train', '2012_train_seg', ... (cfg.dataset.image_set or .test_image_set); several are
            joined by '+', as in the original.
        labels: False: pictures of Cityscapes alone, such as those of its test set.
    Raises DatasetError naming the setting or the file that does not fit.
    """
    kind = kind_of(cfg)
    streets = cfg.dataset.streets
    if streets.train:
        make = generate_voc if kind is PascalVOC else generate
        make(cfg.dataset.dataset_path, Settings(streets.train, streets.val, *cfg.SCALES[0], streets.seed))
    more = {"annotation_prefix": cfg.dataset.annotation_prefix, "labelled": labels} if kind is Cityscapes else {}
    dataset = kind(cfg.dataset.dataset_path, image_set, **more)
    name, classes = cfg.dataset.dataset, cfg.dataset.NUM_CLASSES
    if classes != dataset.num_classes:
        raise DatasetError(f"dataset.NUM_CLASSES: {name} has {dataset.num_classes} classes, got {classes}")
    return dataset


def truth_of(cfg, image: str | Path) -> np.ndarray | None:
    """Train ids, uint8 (height, width), of a picture that lies in folders as cfg's dataset has them, or None."""
    if kind_of(cfg) is Cityscapes:
        return cityscapes.truth_of(image, cfg.dataset.annotation_prefix)
    return voc.truth_of(image)


def kind_of(cfg) -> type[Cityscapes] | type[PascalVOC]:
    """The class of the dataset that cfg.dataset.dataset names: CityScape or PascalVOC, in any case.

    It knows class_names and palette without reading anything. Raises DatasetError for another name.
    """
    kinds = {"cityscape": Cityscapes, "cityscapes": Cityscapes, "pascalvoc": PascalVOC}
    name = cfg.dataset.dataset
    if name.lower() not in kinds:
        raise DatasetError(f"dataset.dataset: there is no reader for {name!r}; expected 'CityScape' or 'PascalVOC'")
    return kinds[name.lower()]
