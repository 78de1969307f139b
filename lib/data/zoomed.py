# SPDX-License-Identifier: Apache-2.0
"""Pictures at random scales, after the scaled MNIST of 4uiiurz1/pytorch-deform-conv-v2: a border of black, then each
picture zoomed by its own factor, drawn once and stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from lib.data.labelled import Labelled
from lib.data.picture_file import DatasetError
from lib.run.atomic import write_arrays
from lib.run.damage import read_arrays

BORDER = 14  # a digit of 28 x 28 becomes a picture of 56 x 56
REMEDY = "remove it; it is made anew"


@dataclass(frozen=True)
class Zoom:
    """low, high: the factors are uniform between these; above 1 shrinks, below 1 enlarges. seed: of the factors."""

    low: float = 0.5
    high: float = 1.5
    seed: int = 0

    def __post_init__(self):
        if not 0 < self.low <= self.high or self.seed < 0:
            raise ValueError(f"zoom: expected 0 < low <= high and a seed >= 0, got {self}")


def zoomed(image: np.ndarray, factor: float) -> np.ndarray:
    """A picture (h, w) of any type, of which pixel p is read at factor * p + (1 - factor) * (side / 2 + 1/2), the
    nearest pixel, the outermost one outside.

    The fixed point lies one pixel below and right of the middle of the pixels, (side - 1) / 2: the original's, kept.
    """
    rows, columns = (_places(side, factor) for side in image.shape)
    return image[rows[:, None], columns]


def _places(side: int, factor: float) -> np.ndarray:
    centre = side / 2 + 0.5
    places = np.floor(factor * np.arange(side) + (1 - factor) * centre + 0.5)
    return np.clip(places, 0, side - 1).astype(np.int64)


def zoom_all(data: Labelled, zoom: Zoom, part: int = 0) -> Labelled:
    """All pictures (N, h, w) with a border, each at its own scale. part: another number draws other factors."""
    if data.images.ndim != 3:
        raise DatasetError(f"{data.source}: only grey pictures are zoomed, these have {data.channels} channels")
    factors = np.random.default_rng([zoom.seed, part]).uniform(zoom.low, zoom.high, len(data))
    wide = np.pad(data.images, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))
    images = np.stack([zoomed(image, factor) for image, factor in zip(wide, factors)])
    return replace(data, images=images, zoom=factors)


def stored(data: Labelled, zoom: Zoom, part: int, folder: str | Path) -> Labelled:
    """The same, from the file in `folder` that the first call has written. What is read is held to its checksum.

    Raises DatasetError for a damaged file.
    """
    facts = {**asdict(zoom), "part": part, "border": BORDER, "pictures": _digest(data.images)}
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    path = Path(folder) / f"zoomed-{name}.npz"
    if not path.is_file():
        made = zoom_all(data, zoom, part)
        assert made.zoom is not None  # it has just been given
        facts["sha256"] = _digest(made.images, made.zoom)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {"images": made.images, "zoom": made.zoom, "facts": np.array(json.dumps(facts))}, True)
        return made
    kept = read_arrays(path, REMEDY, DatasetError)
    if not _fits(kept, facts):
        raise DatasetError(f"{path}: damaged (its checksum does not fit); {REMEDY}")
    return replace(data, images=kept["images"], zoom=kept["zoom"])


def _fits(kept: dict[str, np.ndarray], facts: dict) -> bool:
    """Whether a file holds what it says, and was made as `facts` say."""
    if not {"images", "zoom", "facts"} <= kept.keys():
        return False
    try:
        told = json.loads(str(kept["facts"]))
    except ValueError:
        return False
    return told == {**facts, "sha256": _digest(kept["images"], kept["zoom"])}


def _digest(*arrays: np.ndarray) -> str:
    sha = hashlib.sha256()
    for each in arrays:
        sha.update(f"{each.dtype} {each.shape}".encode())
        sha.update(np.ascontiguousarray(each).data)
    return sha.hexdigest()
