# SPDX-License-Identifier: Apache-2.0
"""Drawn digits of random size, angle and place, which stand in for MNIST where it is not at hand: same files, sizes
and classes, but one font."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.data.idx import write_idx
from lib.data.mnist import PREFIX
from lib.data.picture_file import DatasetError
from lib.run.atomic import write_json
from lib.run.damage import read_json

SETTINGS_FILE = "digits.json"
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
    folder = Path(folder)
    if _is_there(folder, settings):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        for number, split in enumerate(("train", "test")):
            images, labels = draw(np.random.default_rng([settings.seed, number]), getattr(settings, split))
            write_idx(new / f"{PREFIX[split]}-images-idx3-ubyte", images)
            write_idx(new / f"{PREFIX[split]}-labels-idx1-ubyte", labels.astype(np.uint8))
        write_json(new / SETTINGS_FILE, asdict(settings))
        new.chmod(0o755)
        try:
            os.rename(new, folder)  # over an empty folder too
        except OSError:
            if not _is_there(folder, settings):  # of several runs that need it at once, one was first
                raise
            return False
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return True


def _is_there(folder: Path, settings: Settings) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    path = folder / SETTINGS_FILE
    if not path.is_file():
        raise DatasetError(f"{folder}: is there, but has no {SETTINGS_FILE}: not drawn digits, left alone; give "
                           "another folder (dataset.dataset_path)")  # fmt: skip
    there = read_json(path, "remove the folder; it is drawn anew", kind=DatasetError)
    if there != asdict(settings):
        raise DatasetError(f"{folder}: holds digits drawn with {there}, not with {asdict(settings)}; give another "
                           "folder (dataset.dataset_path), or remove it")  # fmt: skip
    return True


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
