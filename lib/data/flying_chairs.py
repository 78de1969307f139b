# SPDX-License-Identifier: Apache-2.0
"""Pairs of pictures and their flow in the folders of FlyingChairs (Dosovitskiy et al. 2015):

<root>/FlyingChairs_train_val.txt       a digit per line and pair, 1 train, 2 test
<root>/data/00001_img1.ppm, 00001_img2.ppm, 00001_flow.flo
<root>/data/00001_occ.png               where the first picture's pixel is not to be seen in the second: 255, else 0;
                                        generated pairs have it, FlyingChairs does not
"""

from __future__ import annotations

from pathlib import Path

from lib.config.text_file import read_text
from lib.data.flow_pairs import Files, FlowPairs
from lib.data.picture_file import DatasetError

SPLIT_FILE = "FlyingChairs_train_val.txt"
SPLITS = {"train": "1", "test": "2"}


class FlyingChairs(FlowPairs):
    """The pairs of one image set, 'train' or 'test', in the order of their numbers.

    root: the folder of the split file. Raises DatasetError for a missing file or folder, or a split file that does not
    fit.
    """

    def __init__(self, root: str | Path, image_set: str):
        super().__init__(root, image_set, tuple(SPLITS), "FlyingChairs")

    def _found(self) -> dict[str, Files]:
        path = self.root / SPLIT_FILE
        if not path.is_file():
            raise DatasetError(f"dataset.dataset_path: {path} is not there; FlyingChairs has it beside its folder data")
        digits = read_text(path).split()
        if not digits or not set(digits) <= set(SPLITS.values()):
            raise DatasetError(f"{path}: expected 1 (train) or 2 (test) on every line, got {sorted(set(digits))[:4]}")
        wanted, data = SPLITS[self.image_set], self.root / "data"
        if (beyond := data / f"{len(digits) + 1:05d}_flow.flo").is_file():
            raise DatasetError(f"{path}: {len(digits)} lines, expected one for each pair, but {beyond} is there: "
                               "is the file whole?")  # fmt: skip
        names = [f"{number:05d}" for number, digit in enumerate(digits, start=1) if digit == wanted]
        if not names:
            raise DatasetError(f"{path}: no line is {wanted} ({self.image_set})")
        return {
            name: Files(*(data / f"{name}_{kind}" for kind in ("img1.ppm", "img2.ppm", "flow.flo", "occ.png")))
            for name in names
        }
