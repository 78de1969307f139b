# SPDX-License-Identifier: Apache-2.0
"""Checks the data set of a configuration: the image sets that it names, and whether their sizes suit it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from lib.data import images
from lib.data.cityscapes import image_sets
from lib.data.preflight.check import Report, check
from lib.data.preflight.findings import Finding


def check_config(cfg, workers: int = 1) -> Report:
    """What cfg trains on (dataset.image_set) and is evaluated on (dataset.test_image_set); both need labels.

    cfg: reads dataset.{dataset_path, image_set, test_image_set, annotation_prefix}, SCALES, TRAIN and TEST.
    Raises DatasetError if an image set is not '<folder>_<split>', or the data is not in Cityscapes' format.
    """
    if not cfg.dataset.dataset.lower().startswith("cityscape"):
        raise images.DatasetError(
            f"dataset.dataset: only Cityscapes' format can be checked, got {cfg.dataset.dataset!r}"
        )
    crop = (cfg.TRAIN.CROP_HEIGHT, cfg.TRAIN.CROP_WIDTH) if cfg.TRAIN.ENABLE_CROP else None
    uses = (("image_set", cfg.TRAIN.BATCH_IMAGES, crop), ("test_image_set", cfg.TEST.BATCH_IMAGES, None))
    whole = None
    named = [(key, name, batch, crop) for key, batch, crop in uses for name in image_sets(getattr(cfg.dataset, key))]
    for key, name, batch, window in named:
        folder, separator, split = name.partition("_")
        if not separator or not split:
            raise images.DatasetError(
                f"dataset.{key}: expected '<folder>_<split>' such as 'leftImg8bit_train', got {name!r}"
            )
        report = check(cfg.dataset.dataset_path, folder, cfg.dataset.annotation_prefix, [split], workers)
        if split in report.splits:
            report.findings += _fit(report.splits[split].sizes, cfg.SCALES, split, batch, window)
        if whole is None:
            whole = report
        else:
            whole.splits.update(report.splits)
            whole.findings += [finding for finding in report.findings if finding not in whole.findings]
    unlabelled = "no labels, as in a test set"
    whole.findings = [replace(f, fault="picture without labels") if f.fault == unlabelled else f
                      for f in whole.findings]  # fmt: skip
    return whole


def _fit(sizes: Counter, scales, split: str, batch: int, crop: tuple[int, int] | None) -> list[Finding]:
    """sizes: how many pictures have a (height, width). crop: (height, width), None = whole pictures are used."""
    scaled: Counter = Counter()
    for size, count in sizes.items():
        scaled[images.scaled_size(*size, scales)] += count
    if crop:
        return [
            Finding("crop does not fit", split, f"{count} pictures are {w} x {h} under SCALES, the crop is "
                    f"{crop[1]} x {crop[0]}")
            for (h, w), count in scaled.items() if h < crop[0] or w < crop[1]
        ]  # fmt: skip
    if len(scaled) > 1 and batch > 1:
        listed = ", ".join(f"{count} of {w} x {h}" for (h, w), count in scaled.most_common(4))
        return [Finding("sizes differ under SCALES", split, f"{listed}; batches of {batch}")]
    return []
