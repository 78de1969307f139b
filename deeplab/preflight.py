# SPDX-License-Identifier: Apache-2.0
"""Checks the data set of a configuration: the image sets that it names, and whether their sizes suit it."""

from __future__ import annotations

from pathlib import Path

from deeplab.data import kind_of
from lib.data.cityscapes import image_sets
from lib.data.preflight.check import Report, check_named
from lib.data.preflight.fit import fit
from lib.data.preflight.voc import check_voc
from lib.data.voc import PascalVOC


def check_config(cfg, workers: int = 1) -> Report:
    """What cfg trains on (dataset.image_set) and is evaluated on (dataset.test_image_set); both need labels.

    cfg: reads dataset.{dataset, dataset_path, image_set, test_image_set, annotation_prefix}, SCALES, TRAIN and TEST.
    Raises DatasetError if an image set of Cityscapes is not '<folder>_<split>', or there is no such data set.
    """
    crop = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else None
    of_voc = kind_of(cfg) is PascalVOC
    # Pictures of VOC have many sizes: a batch that is trained on is filled up.
    uses = (
        ("image_set", 1 if of_voc else cfg.TRAIN.BATCH_IMAGES, crop),
        ("test_image_set", cfg.TEST.BATCH_IMAGES, None),
    )
    whole = Report(Path(cfg.dataset.dataset_path))
    named = [(key, name, batch, crop) for key, batch, crop in uses for name in image_sets(getattr(cfg.dataset, key))]
    for key, name, batch, window in named:
        found = (
            check_voc(whole.root, name, workers)
            if of_voc
            else check_named(whole.root, name, key, cfg.dataset.annotation_prefix, workers)
        )
        for split, counts in found.splits.items():
            if not (window and cfg.TRAIN.CROP_PAD):
                found.findings += fit(counts.sizes, cfg.SCALES, split, batch, window)
        whole.splits.update(found.splits)
        whole.findings += [finding for finding in found.findings if finding not in whole.findings]
    return whole
