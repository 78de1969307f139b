# SPDX-License-Identifier: Apache-2.0
"""A stand-in for VOC's development kit: generated streets as JPEG, and paletted masks with void borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lib.data import labels, voc_labels
from lib.data.streets.scene import render

CLASS_OF = {"car": "car", "bus": "bus", "person": "person", "rider": "person", "bicycle": "bicycle",
            "motorcycle": "motorbike", "vegetation": "pottedplant", "pole": "bottle"}  # fmt: skip


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


def save_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette(voc_labels.PALETTE.tobytes())
    image.save(path)


def write_kit(root: Path, train: int = 6, val: int = 3, sizes=((64, 96), (96, 72), (64, 80))) -> Path:
    """VOC2012 under `root`, with the lists train, val and trainval; picture k has size sizes[k % len(sizes)]."""
    kit = root / "VOC2012"
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for split, count in (("train", train), ("val", val)):
        for index in range(count):
            height, width = sizes[index % len(sizes)]
            name = f"2012_{len(lists['train']) + len(lists['val']):06d}"
            image, label_ids = render(101, split, index, min(height, width), max(height, width))
            if height > width:
                image, label_ids = image.transpose(1, 0, 2), label_ids.T
            (kit / "JPEGImages").mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(image)).save(kit / "JPEGImages" / f"{name}.jpg", quality=95)
            save_mask(kit / "SegmentationClass" / f"{name}.png", mask_of(label_ids))
            lists[split].append(name)
    lists["trainval"] = lists["train"] + lists["val"]
    folder = kit / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    for split, names in lists.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return kit
