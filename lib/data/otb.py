# SPDX-License-Identifier: Apache-2.0
"""Sequences in the folders of the Object Tracking Benchmark (Wu et al. 2013, 2015).

<root>/<name>/img/0001.jpg, ...
<root>/<name>/groundtruth_rect.txt           x,y,width,height per frame, parted by commas, tabs or spaces

Jogging and Skating2 have two targets, groundtruth_rect.1.txt and .2.txt: two sequences, <name>.1 and <name>.2. A file
of marks may be empty where there are others, as Human4's groundtruth_rect.1.txt is: no sequence. Of the five whose
marks do not cover all frames (David, Diving, Football1, Freeman3 and Freeman4), and of others, `frames` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lib.data.picture_file import DatasetError
from lib.data.sequences import Sequence, pictures_in, read_regions

FRAMES = {"David": (300, 770), "Diving": (1, 215), "Football1": (1, 74), "Freeman3": (1, 460), "Freeman4": (1, 283)}
"""{sequence: first and last marked frame, from 1}, as the benchmark's own configuration has them."""


def read(root: str | Path, frames: Mapping[str, tuple[int, int]] = FRAMES) -> list[Sequence]:
    """All sequences in a folder, by name. Raises DatasetError naming what is missing or wrong, or if there are none."""
    root = Path(root)
    truths = sorted(root.glob("*/groundtruth_rect*.txt"))
    if not truths:
        raise DatasetError(f"{root}: no <sequence>/groundtruth_rect.txt in it; expected the benchmark's folders")
    empty = {path for path in truths if not path.read_bytes().strip()}
    marked = {path.parent for path in truths if path not in empty}
    return [_sequence(path, frames) for path in truths if path not in empty or path.parent not in marked]


def _sequence(path: Path, frames: Mapping[str, tuple[int, int]]) -> Sequence:
    number = path.name.removeprefix("groundtruth_rect").removesuffix(".txt")
    name, pictures, boxes = path.parent.name, pictures_in(path.parent / "img"), read_regions(path)
    first, last = frames.get(name, (1, len(pictures)))
    shown = pictures[first - 1 : last]
    if len(shown) != len(boxes) or boxes.shape[1] != 4:
        raise DatasetError(
            f"{path}: {len(boxes)} regions of {boxes.shape[1]} numbers; expected a box for each of {len(shown)} frames"
        )
    return Sequence(name + number, shown, boxes)
