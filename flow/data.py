# SPDX-License-Identifier: Apache-2.0
"""The data sets that flow is trained and tested on."""

from __future__ import annotations

from lib.data.flow_pairs import FlowPairs
from lib.data.flying_chairs import FlyingChairs
from lib.data.flying_shapes.write import Settings, generate
from lib.data.kitti_flow import KittiFlow
from lib.data.sintel import Sintel

READERS = {"shapes": FlyingChairs, "chairs": FlyingChairs, "sintel": Sintel, "kitti": KittiFlow}


def load_dataset(cfg, image_set: str) -> FlowPairs:
    """The pairs of cfg.dataset in one of its sets.

    Flying shapes are made if they are not there. Raises DatasetError naming the file that does not fit.
    """
    prepare(cfg)
    return READERS[cfg.dataset.dataset](cfg.dataset.dataset_path, image_set)


def prepare(cfg) -> bool:
    """Makes what can be generated and is not there; gives whether it did."""
    settings = cfg.dataset
    return settings.dataset == "shapes" and generate(settings.dataset_path, Settings(**vars(settings.generated)))


def picture_size(cfg) -> tuple[int, int]:
    """(h, w) of what is trained on."""
    if cfg.TRAIN.CROP:
        return tuple(cfg.TRAIN.CROP)
    data = load_dataset(cfg, cfg.dataset.image_set)
    return data.pair(data.records[0]).flow.shape[:2]
