# SPDX-License-Identifier: Apache-2.0
"""A stand-in for VOC's development kit: generated streets as JPEG, and paletted masks with void borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lib.data.streets.scene import render
from lib.data.streets.voc import mask_of, paletted


def save_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    paletted(mask).save(path)


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
