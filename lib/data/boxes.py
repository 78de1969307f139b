# SPDX-License-Identifier: Apache-2.0
"""What every data set of boxes gives: pictures with the boxes and classes of their objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lib.data import images
from lib.data.images import DatasetError


@dataclass(frozen=True)
class Objects:
    """Of one picture. boxes: float32 (G, 4), [x1, y1, x2, y2] from 0, both corners inside. classes: int64 (G,), from 1;
    0 is the background. difficult: bool (G,), which neither train nor count in evaluation."""

    boxes: np.ndarray
    classes: np.ndarray
    difficult: np.ndarray

    @property
    def trained(self) -> Objects:
        """Those that count."""
        keep = ~self.difficult
        return Objects(self.boxes[keep], self.classes[keep], self.difficult[keep])


def objects(rows: list[tuple]) -> Objects:
    """Of rows (box, class, difficult); there may be none."""
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    classes, difficult = (np.array([row[place] for row in rows], kind) for place, kind in ((1, np.int64), (2, bool)))
    return Objects(boxes, classes, difficult)


@dataclass(frozen=True)
class BoxRecord:
    """One picture. name: its id in the data set. size: (height, width), as the annotations say."""

    image: Path
    name: str
    size: tuple[int, int]
    objects: Objects


@dataclass
class BoxData:
    """root: where it lies. class_names: the background is the first. records: in the order of the lists. year: of VOC,
    0 for others, which decides the rule of its average precision. numbers: of a class in the data set's own files."""

    root: Path
    class_names: tuple[str, ...]
    records: list[BoxRecord] = field(default_factory=list)
    year: int = 0
    numbers: tuple[int, ...] = ()

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def image(self, record: BoxRecord) -> np.ndarray:
        """The picture, uint8 (height, width, 3), RGB. Raises DatasetError if its size is not the annotations'."""
        image = images.read_image(record.image, upright=True)
        if image.shape[:2] != record.size:
            raise DatasetError(
                f"{record.image}: {image.shape[1]} x {image.shape[0]} pixels (width x height), but its annotation says "
                f"{record.size[1]} x {record.size[0]}"
            )
        return image
