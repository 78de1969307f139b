# SPDX-License-Identifier: Apache-2.0
"""Pairs of pictures and their flow in the folders of FlyingChairs (Dosovitskiy et al. 2015):

<root>/FlyingChairs_train_val.txt       a digit per line and pair, 1 train, 2 test
<root>/data/00001_img1.ppm, 00001_img2.ppm, 00001_flow.flo
<root>/data/00001_occ.png               where the first picture's pixel is not to be seen in the second: 255, else 0;
                                        generated pairs have it, FlyingChairs does not
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.config.text_file import read_text
from lib.data import images
from lib.data.flow_files import read_flow
from lib.data.picture_file import DatasetError

SPLIT_FILE = "FlyingChairs_train_val.txt"
SPLITS = {"train": "1", "test": "2"}


@dataclass(frozen=True)
class Pair:
    """first, second: uint8 (h, w, 3) RGB. flow: float32 (h, w, 2), (u, v) to the right and down, of the first picture's
    pixels. occluded: bool (h, w), or None where nobody knows. name: of its files."""

    first: np.ndarray
    second: np.ndarray
    flow: np.ndarray
    occluded: np.ndarray | None
    name: str


class FlyingChairs:
    """The pairs of one image set, 'train' or 'test', in the order of their numbers.

    root: the folder of the split file. Raises DatasetError for a missing file or folder, or a split file that does not
    fit. `records`: their names.
    """

    def __init__(self, root: str | Path, image_set: str):
        self.root, self.image_set = Path(root), image_set
        if image_set not in SPLITS:
            raise DatasetError(f"image set {image_set!r}: FlyingChairs has {', '.join(SPLITS)}")
        path = self.root / SPLIT_FILE
        if not path.is_file():
            raise DatasetError(f"dataset.dataset_path: {path} is not there; FlyingChairs has it beside its folder data")
        digits = read_text(path).split()
        if not digits or not set(digits) <= set(SPLITS.values()):
            raise DatasetError(f"{path}: expected 1 (train) or 2 (test) on every line, got {sorted(set(digits))[:4]}")
        wanted = SPLITS[image_set]
        self.records = [f"{number:05d}" for number, digit in enumerate(digits, start=1) if digit == wanted]
        if not self.records:
            raise DatasetError(f"{path}: no line is {wanted} ({image_set})")
        missing = [path for name in self.records for path in self._files(name) if not path.is_file()]
        if missing:
            raise DatasetError(f"{missing[0]}: no such file, though {path} counts it ({len(missing)} are missing)")

    def __len__(self) -> int:
        return len(self.records)

    def pair(self, name: str) -> Pair:
        """Raises DatasetError for a broken file, or sizes that differ."""
        first_path, second_path, flow_path = self._files(name)
        first, second, flow = images.read_image(first_path), images.read_image(second_path), read_flow(flow_path)
        for path, each in ((second_path, second), (flow_path, flow)):
            if each.shape[:2] != first.shape[:2]:
                raise DatasetError(
                    f"{path}: {each.shape[1]} x {each.shape[0]} pixels (width x height), but {first_path} has "
                    f"{first.shape[1]} x {first.shape[0]}"
                )
        hidden = self.root / "data" / f"{name}_occ.png"
        occluded = images.read_label(hidden) > 0 if hidden.is_file() else None
        if occluded is not None:
            images.check_sizes(first_path, hidden, first, occluded)
        return Pair(first, second, flow, occluded, name)

    def _files(self, name: str) -> tuple[Path, Path, Path]:
        data = self.root / "data"
        return data / f"{name}_img1.ppm", data / f"{name}_img2.ppm", data / f"{name}_flow.flo"
