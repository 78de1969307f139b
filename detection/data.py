# SPDX-License-Identifier: Apache-2.0
"""The data sets that detection trains and tests on: PASCAL VOC, COCO, generated streets in either format."""

from __future__ import annotations

from pathlib import Path

from lib.data.boxes import BoxData
from lib.data.coco import coco, lacks_objects
from lib.data.images import DatasetError
from lib.data.streets.boxes import box_settings, generate_boxes
from lib.data.voc_boxes import CLASS_NAMES, voc_boxes

STREETS = Path("data/streets_boxes")
"""What the quick_* configurations train on; made where it is not there."""


def load_dataset(cfg, image_set: str, truth: bool = True) -> BoxData:
    """The data set that cfg.dataset names, one image set of it or several joined by '+'.

    cfg: reads dataset.{dataset, dataset_path, NUM_CLASSES, class_names, streets} and SCALES. truth: False does without
    PASCAL VOC's annotations; COCO's sets have a file in any case.
    Raises DatasetError naming the setting or the file that does not fit.
    """
    settings, streets = cfg.dataset, cfg.dataset.streets
    kind = is_coco(cfg)
    if streets.train:
        made = box_settings(streets.train, streets.val, *cfg.SCALES[0], streets.seed, streets.decoys)
        generate_boxes(settings.dataset_path, made)
    if kind:
        data = coco(settings.dataset_path, image_set)
    else:
        data = voc_boxes(settings.dataset_path, image_set, tuple(settings.class_names), truth=truth)
    if data.num_classes != settings.NUM_CLASSES:
        raise DatasetError(
            f"dataset.NUM_CLASSES: {settings.dataset} has {data.num_classes} classes, the background counted, got "
            f"{settings.NUM_CLASSES}"
        )
    return data


def is_coco(cfg) -> bool:
    """Whether cfg.dataset.dataset is COCO, else PascalVOC. Raises DatasetError for another name."""
    name = cfg.dataset.dataset.lower()
    if name not in ("coco", "pascalvoc"):
        raise DatasetError(
            f"dataset.dataset: there is no reader for {cfg.dataset.dataset!r}; expected 'PascalVOC' or 'coco'"
        )
    return name == "coco"


def is_hidden(cfg, image_set: str) -> bool:
    """Whether only a benchmark's server knows the objects of an image set: of COCO, what its files say."""
    return is_coco(cfg) and lacks_objects(cfg.dataset.dataset_path, image_set)


def class_names(cfg) -> tuple[str, ...]:
    """As far as the configuration tells them without its data; COCO's are numbers then."""
    if is_coco(cfg):
        return tuple(str(number) for number in range(cfg.dataset.NUM_CLASSES))
    return ("__background__", *cfg.dataset.class_names) if cfg.dataset.class_names else CLASS_NAMES
