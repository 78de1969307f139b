# SPDX-License-Identifier: Apache-2.0
"""Drawn digits of random size, angle and place, which stand in for MNIST where it is not at hand: same files, sizes
and classes, but one font."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.data.idx import write_idx
from lib.data.made_once import made_once
from lib.data.mnist import PREFIX

SIDE = 28


@dataclass(frozen=True)
class Settings:
    """train, test: pictures. seed: of what is random; 100 and above were used for tuning, 1 to 20 are for reporting."""

    train: int = 6000
    test: int = 2000
    seed: int = 1

    def __post_init__(self):
        if self.train < 1 or self.test < 1 or self.seed < 0:
            raise ValueError(f"digits: expected at least one picture of train and test and a seed >= 0, got {self}")


def generate(folder: str | Path, settings: Settings) -> bool:
    """Draws the data set into `folder`, in MNIST's files, unless it is there already; it appears when it is complete.

    Gives whether it was made. Raises DatasetError if the folder holds anything else.
    """
    return made_once(folder, "digits", settings, partial(_write, settings=settings))


def _write(folder: Path, settings: Settings) -> None:
    for number, split in enumerate(("train", "test")):
        images, labels = draw(np.random.default_rng([settings.seed, number]), getattr(settings, split))
        write_idx(folder / f"{PREFIX[split]}-images-idx3-ubyte", images)
        write_idx(folder / f"{PREFIX[split]}-labels-idx1-ubyte", labels.astype(np.uint8))


def draw(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 (count, 28, 28), white on black; int64 (count,))."""
    labels = random.integers(0, 10, count)
    return np.stack([_digit(random, label) for label in labels]), labels


def _digit(random: np.random.Generator, label: int) -> np.ndarray:
    image = Image.new("L", (2 * SIDE, 2 * SIDE))
    font = ImageFont.load_default(size=int(random.integers(28, 48)))
    place = tuple(SIDE + random.uniform(-6, 6, 2))
    ImageDraw.Draw(image).text(place, str(label), fill=255, font=font, anchor="mm")
    image = image.rotate(random.uniform(-20, 20), Image.Resampling.BILINEAR)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
