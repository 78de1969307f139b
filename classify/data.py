# SPDX-License-Identifier: Apache-2.0
"""The data sets that classifiers train and test on."""

from __future__ import annotations

from pathlib import Path

from lib.data import cifar, digits, mnist, zoomed
from lib.data.labelled import Labelled
from lib.data.picture_file import DatasetError

DRAWN = Path("data/digits")
"""What quick_digits trains on; made where it is not there."""


def load_dataset(cfg, image_set: str) -> Labelled:
    """The pictures of cfg.dataset in 'train' or 'test', at their scales, and no more than cfg allows.

    Drawn digits are made if they are not there; so are scales. Raises DatasetError naming the setting or file that does
    not fit.
    """
    settings = cfg.dataset
    kind, folder = settings.dataset, settings.dataset_path
    if kind.startswith("cifar"):
        found = cifar.read(folder, image_set, kind)
    else:
        if kind == "digits":
            digits.generate(folder, digits.Settings(**vars(settings.generated)))
        found = mnist.read(folder, image_set, kind)
    if len(found.class_names) != settings.NUM_CLASSES:
        raise DatasetError(
            f"dataset.NUM_CLASSES: {kind} has {len(found.class_names)} classes, got {settings.NUM_CLASSES}"
        )
    factors = getattr(settings.zoom, image_set)
    if factors:
        zoom = zoomed.Zoom(*factors, seed=settings.zoom.seed)
        found = zoomed.stored(found, zoom, ("train", "test").index(image_set), settings.zoom.path)
    return found.first(settings.train_images if image_set == settings.image_set else settings.test_images)


def picture_size(cfg) -> tuple[int, int, int]:
    """Channels, height and width of the pictures, without reading any."""
    if cfg.dataset.dataset.startswith("cifar"):
        return 3, cifar.SIDE, cifar.SIDE
    side = digits.SIDE + (2 * zoomed.BORDER if cfg.dataset.zoom.train else 0)
    return 1, side, side
