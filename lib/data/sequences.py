# SPDX-License-Identifier: Apache-2.0
"""Film sequences in which one target has been marked in every frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lib.config.text_file import read_text
from lib.data.images import read_image
from lib.data.picture_file import DatasetError

PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Sequence:
    """name: for tables. frames: pictures, in order. regions: float64, (frames, 4) [x, y, width, height] or (frames, 8)
    polygons [x1, y1, ..., x4, y4], in pixels from 0: the pixel in the corner has its middle at (0, 0) and a box [0, 0,
    1, 1]. labels: {what happens: bool (frames,)}, such as occlusion."""

    name: str
    frames: tuple[Path, ...]
    regions: np.ndarray
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def image(self, number: int) -> np.ndarray:
        """Frame `number`, uint8 (h, w, 3) RGB."""
        return read_image(self.frames[number])

    @property
    def boxes(self) -> np.ndarray:
        """(frames, 4), [x, y, width, height]; of a polygon the smallest one around it."""
        if self.regions.shape[1] == 4:
            return self.regions
        points = self.regions.reshape(len(self), 4, 2)
        low, high = points.min(1), points.max(1)
        return np.concatenate([low, high - low], axis=1)


def sequence(name: str, folder: Path, truth: Path, labels: Mapping[str, np.ndarray] | None = None) -> Sequence:
    """The sequence whose pictures are those of `pictures_in(folder)`, and whose regions stand in `truth`.

    Raises DatasetError naming what is missing, or where the counts differ.
    """
    frames = pictures_in(folder)
    regions = read_regions(truth)
    if len(regions) != len(frames):
        raise DatasetError(f"{truth}: {len(regions)} regions, but {folder} has {len(frames)} pictures")
    return Sequence(name, frames, regions, dict(labels or {}))


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """The pictures in a folder, by name, numbers in it by their value: 9.jpg, 10.jpg. Raises DatasetError if there are
    none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; expected one of pictures")
    found = tuple(sorted((each for each in folder.iterdir() if each.suffix.lower() in PICTURES), key=_by_numbers))
    if not found:
        raise DatasetError(f"{folder}: has no pictures ({', '.join(PICTURES)})")
    return found


def _by_numbers(path: Path) -> tuple:
    """Text and numbers of a name in turn; of names that differ in leading zeros alone, the names."""
    parts = re.split("([0-9]+)", path.name)
    return [int(each) if number % 2 else each for number, each in enumerate(parts)], path.name


def read_regions(path: Path) -> np.ndarray:
    """float64 (lines, 4 or 8) of a file with one region a line, whose pixels are counted from 1; given from 0.

    Numbers are parted by commas, tabs or spaces. Raises DatasetError naming the line that holds something else.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; expected one region a line")
    lines = {number: line for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()}
    rows = {number: _numbers(path, number, line) for number, line in lines.items()}
    if not rows:
        raise DatasetError(f"{path}: empty, expected one region a line")
    first, count = next((number, len(row)) for number, row in rows.items())
    if count not in (4, 8):
        raise DatasetError(f"{path}: line {first}: {count} numbers; expected 4 (x,y,width,height) or 8 (a polygon)")
    for number, row in rows.items():
        if len(row) != count:
            raise DatasetError(f"{path}: line {number}: {len(row)} numbers, line {first} has {count}")
    regions = np.array([*rows.values()], np.float64)
    regions[:, : 2 if count == 4 else 8] -= 1
    empty = (regions[:, 2:] <= 0).any(1) if count == 4 else _areas(regions) <= 0
    if empty.any():  # nothing could be cut out of a frame there, and no box overlaps it
        worst, what = [*lines][int(empty.argmax())], "a box" if count == 4 else "a polygon"
        raise DatasetError(f"{path}: line {worst}: {what} without area, {lines[worst].strip()}")
    return regions


def write_regions(boxes: Iterable) -> str:
    """The text of such a file, of boxes from 0; two digits behind the point, where they are no whole numbers."""
    rows = [[float(x) + 1, float(y) + 1, float(w), float(h)] for x, y, w, h in boxes]
    return "".join(",".join(f"{round(each, 2):g}" for each in row) + "\n" for row in rows)


def _areas(polygons: np.ndarray) -> np.ndarray:
    """(N,) of polygons (N, 8)."""
    x, y = polygons[:, ::2], polygons[:, 1::2]
    return np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1)) / 2


def _numbers(path: Path, number: int, line: str) -> list[float]:
    words = line.replace(",", " ").split()
    try:
        found = [float(each) for each in words]
    except ValueError:
        raise DatasetError(f"{path}: line {number}: expected numbers, got {line.strip()!r}") from None
    if not np.isfinite(found).all():
        raise DatasetError(f"{path}: line {number}: a number that is not finite, {line.strip()!r}")
    return found
