# SPDX-License-Identifier: Apache-2.0
"""Sequences in the folders of the VOT challenges (Kristan et al. 2013 and later).

<root>/list.txt                              names of sequences, one per line
<root>/<name>/00000001.jpg, ...              frames; from 2018 on in <name>/color/
<root>/<name>/groundtruth.txt                a region per frame: x,y,width,height (2013), x1,y1,...,x4,y4 (from 2014 on)
<root>/<name>/<what>.label                   0 or 1 per frame, such as occlusion; there may be none
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.config.text_file import read_text
from lib.data.picture_file import DatasetError
from lib.data.sequences import Sequence, sequence

LIST, TRUTH = "list.txt", "groundtruth.txt"


def read(root: str | Path, listing: str = LIST) -> list[Sequence]:
    """The sequences that <root>/<listing> names, in its order. Raises DatasetError naming what is missing or wrong."""
    root = Path(root)
    path = root / listing
    if not path.is_file():
        there = ", ".join(sorted(each.name for each in root.glob("*.txt"))) if root.is_dir() else "no such folder"
        raise DatasetError(f"{path}: no such list of sequences; {root}: {there or 'no list at all'}")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise DatasetError(f"{path}: empty, expected one sequence's name per line")
    found = [Path(name).name for name in names]
    if twice := [name for name in found if found.count(name) > 1]:  # boxes and results go by the names
        raise DatasetError(f"{path}: {found.count(twice[0])} sequences are called {twice[0]}, expected different names")
    return [read_sequence(root / name) for name in names]


def read_sequence(folder: str | Path) -> Sequence:
    """The sequence of one folder."""
    folder = Path(folder)
    color = folder / "color"
    found = sequence(folder.name, color if color.is_dir() else folder, folder / TRUTH)
    labels = {path.stem: _label(path, len(found)) for path in sorted(folder.glob("*.label"))}
    return Sequence(found.name, found.frames, found.regions, labels)


def _label(path: Path, count: int) -> np.ndarray:
    words = read_text(path).split()
    if len(words) != count or not set(words) <= {"0", "1"}:
        raise DatasetError(f"{path}: expected {count} lines of 0 or 1, one per frame, got {len(words)} words")
    return np.array([each == "1" for each in words])
