# SPDX-License-Identifier: Apache-2.0
"""Writes flying shapes into FlyingChairs' folders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data.flow_files import as_bytes
from lib.data.flow_pairs import Pair
from lib.data.flying_chairs import SPLIT_FILE, SPLITS
from lib.data.flying_shapes.scene import drawn_pair
from lib.data.made_once import made_once
from lib.run.atomic import write_text


@dataclass(frozen=True)
class Settings:
    """train, test: pairs. height, width: in pixels. seed: of what is random; 100 was used for tuning, 1 to 20 and 701
    to 703 are for reporting."""

    train: int = 1000
    test: int = 200
    height: int = 96
    width: int = 128
    seed: int = 1

    def __post_init__(self):
        if min(self.train, self.test) < 1 or self.seed < 0 or min(self.height, self.width) < 32:
            raise ValueError(
                f"flying shapes: expected at least one pair of train and test, sides of 32 pixels or more and a seed "
                f">= 0, got {self}"
            )


def generate(folder: str | Path, settings: Settings) -> bool:
    """Draws the data set into `folder` unless it is there already; it appears when it is complete.

    Gives whether it was made. Raises DatasetError if the folder holds anything else. A pair depends on the seed and its
    own number, counted in train and test apart.
    """
    return made_once(folder, "flying shapes", settings, partial(_write, settings=settings))


def _write(folder: Path, settings: Settings) -> None:
    (folder / "data").mkdir()
    splits = [(split, number) for split in SPLITS for number in range(getattr(settings, split))]
    for place, (split, number) in enumerate(splits, start=1):
        random = np.random.default_rng([settings.seed, list(SPLITS).index(split), number])
        write_pair(folder, drawn_pair(random, settings.height, settings.width, f"{place:05d}"))
    write_text(folder / SPLIT_FILE, "".join(f"{SPLITS[split]}\n" for split, _ in splits))


def write_pair(folder: Path, pair: Pair) -> None:
    """Its files in <folder>/data, which nobody reads before all are there."""
    begins = folder / "data" / pair.name
    for number, picture in ((1, pair.first), (2, pair.second)):
        Image.fromarray(picture).save(f"{begins}_img{number}.ppm")
    Path(f"{begins}_flow.flo").write_bytes(as_bytes(pair.flow))
    if pair.occluded is not None:
        Image.fromarray(np.where(pair.occluded, 255, 0).astype(np.uint8)).save(f"{begins}_occ.png")
