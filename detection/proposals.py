# SPDX-License-Identifier: Apache-2.0
"""Boxes that a network judges and that come from a file, not from itself (`dataset.proposal: FILE.npz`).

Such a file has an array for each picture, by the picture's name: (n, 4), [x1, y1, x2, y2] from 0 in its own pixels, the
best box first; or (n, 5), whose last column is a score that puts them in order. `python -m detection.propose` writes
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detection.schema import from_file
from lib.boxes import geometry
from lib.boxes.proposals import filled
from lib.boxes.suppression import falling
from lib.data.boxes import BoxRecord
from lib.data.images import DatasetError
from lib.run.damage import read_arrays

REMEDY = "python -m detection.propose writes such a file"


def read_proposals(cfg, records: Sequence[BoxRecord]) -> dict[str, np.ndarray]:
    """The boxes of these pictures by their names, (n, 4) in their own pixels, n >= 1, the best first; {} where
    cfg.dataset.proposal says that the network proposes.

    Raises DatasetError that names the file, the picture and what is wrong: no boxes of it, another shape, no numbers,
    corners that are turned round, a box that reaches out of the picture by more than a pixel; two pictures of one name.
    """
    if not from_file(cfg):
        return {}
    check_names(records)
    path = Path(cfg.dataset.proposal).expanduser()
    try:
        stored = read_arrays(path, REMEDY, DatasetError)
    except OSError as error:
        raise DatasetError(f"dataset.proposal: {path} cannot be read ({error.strerror}); {REMEDY}") from None
    missing = [record.name for record in records if record.name not in stored]
    if missing:
        raise DatasetError(f"{path}: no boxes of {len(missing)} of {len(records)} pictures, the first is {missing[0]}")
    return {record.name: _checked(path, record, stored[record.name]) for record in records}


def check_names(records: Sequence[BoxRecord]) -> None:
    """Raises DatasetError if two pictures have one name (two years of VOC's format, sets of COCO's that each count from
    1): a file could hold boxes of one of them only."""
    seen: dict[str, Path] = {}
    for record in records:
        first = seen.setdefault(record.name, record.image)
        if first != record.image and first.resolve() != record.image.resolve():
            raise DatasetError(
                f"a file of proposals has one entry for each name, but {first} and {record.image} are both "
                f"called {record.name}; python -m detection.propose --sets writes files of single sets"
            )


def _checked(path: Path, record: BoxRecord, rows: np.ndarray) -> np.ndarray:
    def wrong(text: str) -> DatasetError:
        return DatasetError(f"{path}: {record.name}: {text}")

    if rows.ndim != 2 or rows.shape[1] not in (4, 5) or rows.dtype.kind not in "fiu":
        raise wrong(f"expected numbers (n, 4) or (n, 5), got {rows.dtype} {rows.shape}")
    if not len(rows):
        raise wrong("no box")
    boxes = rows[:, :4].astype(np.float64)
    height, width = record.size
    turned = ~np.isfinite(rows).all(1) | (boxes[:, 2:] < boxes[:, :2]).any(1)
    outside = (boxes < -1).any(1) | (boxes[:, 2] > width) | (boxes[:, 3] > height)
    for bad, text in ((turned, "is no box"), (outside, f"reaches out of the picture, {width} x {height} pixels")):
        if bad.any():
            number = int(bad.argmax())
            raise wrong(f"row {number} {text}: {rows[number].tolist()}")
    return boxes if rows.shape[1] == 4 else boxes[falling(rows[:, 4])]


def as_input(boxes: np.ndarray, scale: float, size, mirrored: bool, number: int, count: int) -> np.ndarray:
    """One picture's part of the network's input `proposals`: float32 (count, 5), [number, x1, y1, x2, y2].

    boxes: (n, 4) in the picture's own pixels, the best first; the first `count`, going round where there are fewer.
    scale: network pixels per pixel. size: (height, width) of the scaled picture. number: of the picture on its device.
    """
    seen = geometry.clip(filled(boxes, count) * scale, *size)
    seen = geometry.mirror(seen, size[1]) if mirrored else seen
    return np.concatenate([np.full((count, 1), number), seen], axis=1).astype(np.float32)
