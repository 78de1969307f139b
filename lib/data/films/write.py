# SPDX-License-Identifier: Apache-2.0
"""Writes drawn films as the VOT challenge has its sequences: <folder>/train and <folder>/val with their list.txt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from lib.data.films.film import GRAMMAR, KINDS, SPLITS, film
from lib.data.made_once import made_once
from lib.data.sequences import write_regions
from lib.data.vot import LIST, TRUTH

QUALITY = 95


@dataclass(frozen=True)
class Settings:
    """train, val: films. frames: of each. height, width: of a frame. seed: 100 and above were used for tuning."""

    train: int = 36
    val: int = 18
    frames: int = 40
    height: int = 128
    width: int = 160
    seed: int = 1
    grammar: int = GRAMMAR

    def __post_init__(self):
        if min(self.train, self.val) < 1 or self.frames < 2 or self.seed < 0:
            raise ValueError(f"films: expected at least one of train and val, 2 frames and a seed >= 0, got {self}")
        if self.height < 96 or self.width < self.height:
            raise ValueError(f"films: expected height >= 96 and width >= height, got {self.width} x {self.height}")


def generate(folder: str | Path, settings: Settings) -> bool:
    """Draws the films unless they are there, see `lib.data.made_once`."""
    return made_once(folder, "films", settings, lambda new: _write_all(new, settings))


def name(number: int) -> str:
    """Of a film: its kind and number, 'growing_004'."""
    return f"{kind(number)}_{number:03d}"


def kind(number: int) -> str:
    return KINDS[number % len(KINDS)]


def _write_all(root: Path, settings: Settings) -> None:
    every = [(split, number) for split in SPLITS for number in range(getattr(settings, split))]
    for split, number in tqdm(every, desc="films", unit="film", disable=None):
        _write_one(root / split / name(number), settings, split, number)
    for split in SPLITS:
        (root / split / LIST).write_text("".join(f"{name(each)}\n" for each in range(getattr(settings, split))))


def _write_one(folder: Path, settings: Settings, split: str, number: int) -> None:
    folder.mkdir(parents=True)
    boxes = []
    shown = film(settings.seed, split, number, (settings.frames, settings.height, settings.width))
    for frame, (picture, box) in enumerate(shown, start=1):
        Image.fromarray(picture).save(folder / f"{frame:08d}.jpg", quality=QUALITY)
        boxes.append(box)
    (folder / TRUTH).write_text(write_regions(boxes))
    happens = {"size_change": kind(number) == "growing", "deformation": kind(number) == "deforming"}
    for what, flag in happens.items():
        lines = np.full(settings.frames, int(flag))
        (folder / f"{what}.label").write_text("".join(f"{each}\n" for each in lines))
