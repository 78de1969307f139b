# SPDX-License-Identifier: Apache-2.0
"""The sequences that trackers train and test on."""

from __future__ import annotations

from pathlib import Path

from lib.data import otb, vot
from lib.data.films import write as films
from lib.data.picture_file import DatasetError
from lib.data.sequences import Sequence


def load_sequences(cfg, image_set: str) -> list[Sequence]:
    """The sequences of cfg.dataset. Drawn films are made if they are not there.

    Raises DatasetError naming the setting or file that does not fit.
    """
    settings = cfg.dataset
    root = Path(settings.dataset_path)
    if settings.dataset == "otb":
        if image_set != "all":
            raise DatasetError(f"image set {image_set!r}: OTB has one list, 'all'")
        return otb.read(root)
    if settings.dataset == "vot":
        return vot.read(root, f"{image_set}.txt")
    films.generate(root, films.Settings(**vars(settings.generated)))
    return vot.read(root / image_set)


def part_of(cfg, name: str) -> str:
    """The part of the results that a sequence belongs to: of drawn films their kind, else the sequence itself."""
    return name.rpartition("_")[0] if cfg.dataset.dataset == "films" else name
