# SPDX-License-Identifier: Apache-2.0
"""What every data set of optical flow gives: pairs of pictures, and where each pixel of the first is in the second."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.data import images
from lib.data.flow_files import read_flow
from lib.data.picture_file import DatasetError


@dataclass(frozen=True)
class Pair:
    """first, second: uint8 (h, w, 3) RGB. flow: float32 (h, w, 2), (u, v) to the right and down, of the first picture's
    pixels. occluded: bool (h, w), or None where nobody knows. name: of its files."""

    first: np.ndarray
    second: np.ndarray
    flow: np.ndarray
    occluded: np.ndarray | None
    name: str


@dataclass(frozen=True)
class Files:
    """Of one pair. hidden: None, or what tells the occluded pixels."""

    first: Path
    second: Path
    flow: Path
    hidden: Path | None = None


class FlowPairs(ABC):
    """The pairs of one image set, in order. `root`, `image_set`: where and which. `records`: their names."""

    def __init__(self, root: str | Path, image_set: str, sets: tuple[str, ...], what: str):
        """sets: those that `what` has. Raises DatasetError for another one, or a missing or empty set."""
        self.root, self.image_set = Path(root), image_set
        if image_set not in sets:
            raise DatasetError(f"image set {image_set!r}: {what} has {', '.join(sets)}")
        self._files = self._found()
        self.records = list(self._files)
        missing = [each for files in self._files.values() for each in (files.first, files.second, files.flow)
                   if not each.is_file()]  # fmt: skip
        if missing:
            raise DatasetError(f"{missing[0]}: no such file, though {what} has it ({len(missing)} are missing)")

    @abstractmethod
    def _found(self) -> dict[str, Files]:
        """{name: its files}, of at least one pair."""

    def __len__(self) -> int:
        return len(self.records)

    def pair(self, name: str) -> Pair:
        """Raises DatasetError for a broken file, or sizes that differ."""
        files = self._files[name]
        first, second = images.read_image(files.first), images.read_image(files.second)
        flow, occluded = self._truth(files)
        hidden = [(files.hidden, occluded)] if occluded is not None else []
        for path, each in ((files.second, second), (files.flow, flow), *hidden):
            if each.shape[:2] != first.shape[:2]:
                raise DatasetError(
                    f"{path}: {each.shape[1]} x {each.shape[0]} pixels (width x height), but {files.first} has "
                    f"{first.shape[1]} x {first.shape[0]}"
                )
        return Pair(first, second, flow, occluded, name)

    def _truth(self, files: Files) -> tuple[np.ndarray, np.ndarray | None]:
        """Flow (h, w, 2) and what is occluded, bool (h, w) or None."""
        hidden = files.hidden
        return read_flow(files.flow), images.read_label(hidden) > 0 if hidden and hidden.is_file() else None
