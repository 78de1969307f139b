# SPDX-License-Identifier: Apache-2.0
"""Streets as PASCAL VOC's segmentation, in the folders of its development kit: complete, or not at all.

What VOC has a class for keeps it (riders are persons, vegetation is a potted plant, poles are bottles), all else is
background; between two classes the masks say nothing, as VOC's do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data import labels, voc_labels
from lib.data.streets.kit import name, names, tasks
from lib.data.streets.scene import render
from lib.data.streets.write import Settings, do_all, generate
from lib.run.atomic import write_text, write_with

CLASS_OF = {"car": "car", "bus": "bus", "person": "person", "rider": "person", "bicycle": "bicycle",
            "motorcycle": "motorbike", "vegetation": "pottedplant", "pole": "bottle"}  # fmt: skip
YEAR = 2012


@dataclass(frozen=True)
class VocSettings(Settings):
    """As `Settings`; masks says which kind of data set it is, and counts up whenever what is a class changes."""

    masks: int = 1


def generate_voc(out: str | Path, settings: Settings) -> bool:
    """Make the data set `out` unless it is there already, see `lib.data.streets.write.generate`."""
    return generate(out, VocSettings(**asdict(settings)), write=_write)


def mask_of(label_ids: np.ndarray) -> np.ndarray:
    """VOC classes of a street's label ids; one pixel of 255 on each side of every border, as VOC draws it."""
    table = np.zeros(256, np.uint8)
    for street, voc in CLASS_OF.items():
        table[labels.ID_OF_NAME[street]] = voc_labels.CLASS_NAMES.index(voc)
    mask = table[label_ids]
    border = np.zeros(mask.shape, bool)
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return np.where(border, voc_labels.IGNORE, mask).astype(np.uint8)


def paletted(mask: np.ndarray) -> Image.Image:
    """The mask as VOC stores it."""
    image = Image.fromarray(mask)
    image.putpalette(voc_labels.PALETTE.tobytes())
    return image


def _write(root: Path, settings: Settings, workers: int) -> None:
    kit = root / f"VOC{YEAR}"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (kit / folder).mkdir(parents=True)
    do_all(_write_one, tasks(kit, settings), settings, workers)
    for split, every in names(settings).items():
        listed = "".join(f"{each}\n" for each in every)
        write_text(kit / "ImageSets" / "Segmentation" / f"{split}.txt", listed)


def _write_one(task: tuple) -> None:
    kit, seed, split, number, height, width = task
    image, label_ids = render(seed, split, number, height, width)
    called = name(split, number)
    write_with(
        kit / "JPEGImages" / f"{called}.jpg",
        lambda file: Image.fromarray(image).save(file, format="JPEG", quality=95),
    )
    mask = paletted(mask_of(label_ids))
    write_with(kit / "SegmentationClass" / f"{called}.png", lambda file: mask.save(file, format="PNG"))
