# SPDX-License-Identifier: Apache-2.0
"""What every data set of optical flow gives: pairs of pictures, and where each pixel of the first is in the second."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.data import images
from lib.data.flow_files import UNKNOWN, known, read_flow
from lib.data.picture_file import DatasetError


@dataclass(frozen=True)
class Pair:
    """first, second: uint8 (h, w, 3) RGB. flow: float32 (h, w, 2), (u, v) to the right and down, of the first picture's
    pixels. occluded: bool (h, w), of the pixels whose flow is known, or None where nobody knows. name: of its files."""

    first: np.ndarray
    second: np.ndarray
    flow: np.ndarray
    occluded: np.ndarray | None
    name: str


@dataclass(frozen=True)
class Files:
    """Of one pair. hidden: tells the occluded pixels; invalid: those whose flow is not to be trusted. Of these two a
    data set has either a file for every pair or none."""

    first: Path
    second: Path
    flow: Path
    hidden: Path | None = None
    invalid: Path | None = None


class FlowPairs(ABC):
    """The pairs of one image set, in order. `root`, `image_set`: where and which. `records`: their names."""

    def __init__(self, root: str | Path, image_set: str, sets: tuple[str, ...], what: str):
        """sets: those that `what` has. Raises DatasetError for another one, an empty set, or a missing file."""
        self.root, self.image_set = Path(root), image_set
        if image_set not in sets:
            raise DatasetError(f"image set {image_set!r}: {what} has {', '.join(sets)}")
        self._files = self._found()
        self.records = list(self._files)
        missing = [each for files in self._files.values() for each in (files.first, files.second, files.flow)
                   if not each.is_file()]  # fmt: skip
        if missing:
            raise DatasetError(f"{missing[0]}: no such file, though {what} has it ({len(missing)} are missing)")
        for kind in ("hidden", "invalid"):
            _require_all_or_none([getattr(files, kind) for files in self._files.values()])

    @abstractmethod
    def _found(self) -> dict[str, Files]:
        """{name: its files}, of at least one pair."""

    def __len__(self) -> int:
        return len(self.records)

    def pair(self, name: str) -> Pair:
        """Raises DatasetError for a broken file, or sizes that differ."""
        files = self._files[name]
        first = images.read_image(files.first)

        def fitting(path: Path, values: np.ndarray) -> np.ndarray:
            images.check_sizes(files.first, path, first.shape[:2], values.shape[:2])
            return values

        second = fitting(files.second, images.read_image(files.second))
        flow, occluded = fitting(files.flow, self._flow(files.flow)), None
        if files.invalid and files.invalid.is_file():
            wrong = fitting(files.invalid, images.read_label(files.invalid)) > 0
            flow = np.where(wrong[..., None], np.float32(UNKNOWN), flow)
        if files.hidden and files.hidden.is_file():
            occluded = fitting(files.hidden, self._hidden(files.hidden)) & known(flow)
        return Pair(first, second, flow, occluded, name)

    def _flow(self, path: Path) -> np.ndarray:
        """float32 (h, w, 2)."""
        return read_flow(path)

    def _hidden(self, path: Path) -> np.ndarray:
        """bool (h, w): pixels that are not to be seen in the second picture."""
        return images.read_label(path) > 0


def _require_all_or_none(paths: list[Path | None]) -> None:
    """Raises DatasetError where some are there: pairs without theirs would be measured by another rule than others."""
    told = [path for path in paths if path]
    missing = [path for path in told if not path.is_file()]
    if 0 < len(missing) < len(told):
        raise DatasetError(
            f"{missing[0]}: no such file, though {len(told) - len(missing)} of {len(told)} pairs have one"
        )
