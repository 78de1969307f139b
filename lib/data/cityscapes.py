# SPDX-License-Identifier: Apache-2.0
"""Cityscapes and everything in its folder format: which files there are, and what is in them.

<root>/leftImg8bit/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png
<root>/gtFine/<split>/<city>/<city>_<sequence>_<frame>_gtFine_labelIds.png (or _labelTrainIds.png)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.data import images, labels
from lib.data.images import DatasetError
from lib.data.picture_file import stored_size


@dataclass(frozen=True)
class Record:
    """One picture: its file, its label file, its city, and its name (the file's, without extension).

    city: also the folder that its result lies in; other datasets have one of their own there.
    """

    image: Path
    label: Path
    city: str
    name: str


def image_sets(text: str) -> list[str]:
    """The image sets that a text such as 'leftImg8bit_train+leftImg8bit_val' names. Raises DatasetError."""
    names = text.split("+")
    if not all(names) or len(set(names)) != len(names):
        raise DatasetError(f"image set {text!r}: expected different image sets, joined by '+'")
    return names


class Cityscapes:
    """The records of one image set and how to read them.

    Args:
        root: folder that holds leftImg8bit and the annotations.
        image_set: '<folder>_<split>', such as 'leftImg8bit_train'; several are joined by '+'.
        annotation_prefix: 'gtFine' or 'gtCoarse'.
        labelled: False: the label files need not be there, and are not asked for.
    Raises DatasetError if a folder is missing or empty, or a picture has no labels.

    Attributes:
        records: list of Record, sorted by city and name, one image set after the other.
        num_classes, class_names, palette: 19, their names by train id, (256, 3) uint8 colours by train id.
        one_size: True, a picture of another size than the others is a mistake.
        judged_at: 'truth': evaluation brings the prediction to the size of the truth.
    """

    num_classes = len(labels.CLASS_NAMES)
    class_names = labels.CLASS_NAMES
    palette = labels.PALETTE
    one_size = True
    judged_at = "truth"

    def __init__(self, root: str | Path, image_set: str, annotation_prefix: str = "gtFine", labelled: bool = True):
        self.root, self.image_set = Path(root), image_set
        self.records = []
        for one in image_sets(image_set):
            self.records += self._records(one, annotation_prefix, labelled)

    def _records(self, image_set: str, annotation_prefix: str, labelled: bool) -> list[Record]:
        folder, separator, split = image_set.partition("_")
        if not separator or not split:
            raise DatasetError(f"image set {image_set!r}: expected '<folder>_<split>' such as 'leftImg8bit_train'")
        pictures = self.root / folder / split
        truth = self.root / annotation_prefix / split
        if not pictures.is_dir():
            raise DatasetError(
                f"dataset.dataset_path: {pictures} is not a folder; expected the Cityscapes tree with {folder}/ and "
                f"{annotation_prefix}/ (python -m lib.data.streets makes a stand-in)"
            )
        files = sorted(path for path in pictures.glob(f"*/*_{folder}.png"))
        if not files:
            raise DatasetError(f"{pictures}: no file <city>/*_{folder}.png in it")
        records = [
            Record(path, _label_file(path, folder, truth, annotation_prefix), path.parent.name, path.stem)
            for path in files
        ]
        missing = [record.label for record in records if not record.label.is_file()] if labelled else []
        if missing:
            raise DatasetError(
                f"{missing[0]}: no such label file, nor its *_labelTrainIds.png "
                f"({len(missing)} of {len(files)} pictures in {pictures} have none)"
            )
        return records

    def image(self, record: Record) -> np.ndarray:
        """The picture, uint8 (height, width, 3), RGB."""
        return images.read_image(record.image, upright=True)

    def truth(self, record: Record) -> np.ndarray:
        """Its train ids, uint8 (height, width), labels.IGNORE where no class is meant."""
        return fitting(record, _train_ids(record.label), stored_size(record.image))

    def pair(self, record: Record) -> tuple[np.ndarray, np.ndarray]:
        """`image` and `truth` of a record."""
        image = self.image(record)
        return image, fitting(record, _train_ids(record.label), image.shape[:2])


def fitting(record: Record, truth: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """What a record's label file holds. Raises DatasetError if that has not the picture's size, (height, width)."""
    images.check_sizes(record.image, record.label, size, truth.shape)
    return truth


def truth_of(image: str | Path, annotation_prefix: str = "gtFine") -> np.ndarray | None:
    """Train ids, uint8 (height, width), of a picture that lies in folders as Cityscapes has them, or None."""
    image = Path(image).resolve()
    if len(image.parents) < 4:
        return None
    folder, split = image.parents[2].name, image.parents[1].name
    if not image.name.endswith(f"_{folder}.png"):
        return None
    path = _label_file(image, folder, image.parents[3] / annotation_prefix / split, annotation_prefix)
    return _train_ids(path) if path.is_file() else None


def _train_ids(path: Path) -> np.ndarray:
    """What a labelIds or labelTrainIds file holds, as train ids. Raises DatasetError for a value that means nothing."""
    stored = images.read_label(path)
    if path.name.endswith("_labelTrainIds.png"):
        wrong, kind, valid = (stored >= Cityscapes.num_classes) & (stored != labels.IGNORE), "train id", "0-18 and 255"
        train_ids = stored
    else:
        highest = max(labels.ID_OF_NAME.values())
        wrong, kind, valid = stored > highest, "label id", f"0-{highest}"
        train_ids = labels.TRAIN_ID_OF_LABEL_ID[stored]
    if wrong.any():
        y, x = np.argwhere(wrong)[0]
        raise DatasetError(f"{path}: {kind} {stored[y, x]} at row {y}, column {x}; expected {valid}")
    return train_ids


def _label_file(image: Path, folder: str, truth: Path, prefix: str) -> Path:
    """The labelIds file of a picture, or, where there is none, its labelTrainIds file."""
    stem = truth / image.parent.name / image.name[: -len(f"{folder}.png")]
    label_ids = Path(f"{stem}{prefix}_labelIds.png")
    train_ids = Path(f"{stem}{prefix}_labelTrainIds.png")
    return train_ids if train_ids.is_file() and not label_ids.is_file() else label_ids
