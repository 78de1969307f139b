# SPDX-License-Identifier: Apache-2.0
"""Streets as a data set of boxes, in PASCAL VOC's and in COCO's format: complete, or not at all.

A box holds a body alone. Its class is told by the flag on its mast, above the box and farther away for larger bodies.

<out>/VOC2012/{JPEGImages,Annotations}/<split>_<number>.{png,xml}, ImageSets/Main/<split>.txt
<out>/annotations/instances_<split>.json, images/<split> -> the same pictures
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lib.data.streets.bodies import KINDS, Body
from lib.data.streets.kit import name, names, tasks
from lib.data.streets.scene import render_with_bodies
from lib.data.streets.write import Settings, do_all, generate
from lib.data.voc_boxes import read_annotation
from lib.run.atomic import write_text, write_with

CLASS_NAMES = tuple(name for kind in KINDS.values() for name in kind)
YEAR = 2012


@dataclass(frozen=True)
class BoxSettings(Settings):
    """As `Settings`; boxes says which kind of data set it is, and counts up whenever what is a box changes."""

    boxes: int = 1


@dataclass(frozen=True)
class DecoySettings(BoxSettings):
    """The harder grammar: each mast carries a second flag, which says nothing. decoys counts up, too."""

    decoys: int = 1


def box_settings(train: int, val: int, height: int, width: int, seed: int, decoys: bool = False) -> BoxSettings:
    """As `Settings`; decoys : in the harder grammar."""
    return (DecoySettings if decoys else BoxSettings)(train, val, height, width, seed)


def generate_boxes(out: str | Path, settings: BoxSettings, replace: bool = False, workers: int = 1) -> bool:
    """Make the data set `out` unless it is there already, see `lib.data.streets.write.generate`."""
    return generate(out, settings, replace, workers, _write)


def box_of(body: Body, unit: float, height: int, width: int) -> tuple[int, int, int, int] | None:
    """(x1, y1, x2, y2) from 0, both corners inside, of the body in the picture; None if it lies outside."""
    left, top, right, bottom = body.bounds(unit)[0]
    box = max(round(left), 0), max(round(top), 0), min(round(right), width) - 1, min(round(bottom), height) - 1
    return box if box[0] <= box[2] and box[1] <= box[3] else None


def _write(root: Path, settings: Settings, workers: int) -> None:
    kit = root / f"VOC{YEAR}"
    for folder in (kit / "JPEGImages", kit / "Annotations", kit / "ImageSets" / "Main", root / "annotations",
                   root / "images"):  # fmt: skip
        folder.mkdir(parents=True)
    decoys = isinstance(settings, DecoySettings)
    do_all(_write_one, [(*task, decoys) for task in tasks(kit, settings)], settings, workers)
    for split, every in names(settings).items():
        write_text(kit / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{each}\n" for each in every))
        os.symlink(os.path.relpath(kit / "JPEGImages", root / "images"), root / "images" / split)
        write_text(root / "annotations" / f"instances_{split}.json", json.dumps(_coco(kit, every)))


def _boxes(bodies: list[Body], height: int, width: int) -> list[tuple[str, tuple]]:
    found = [(body.name, box_of(body, height / 128, height, width)) for body in bodies]
    return [(name, box) for name, box in found if box is not None]


def _write_one(task: tuple) -> None:
    kit, seed, split, number, height, width, decoys = task
    image, _, bodies = render_with_bodies(seed, split, number, height, width, decoys)
    called = name(split, number)
    path = kit / "JPEGImages" / f"{called}.png"
    write_with(path, lambda file: Image.fromarray(image).save(file, format="PNG", compress_level=3))
    lines = ["<annotation>", f"  <filename>{called}.png</filename>",
             f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>"]  # fmt: skip
    for kind, box in _boxes(bodies, height, width):
        corners = "".join(f"<{key}>{value + 1}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box))
        lines.append(f"  <object><name>{kind}</name><difficult>0</difficult><bndbox>{corners}</bndbox></object>")
    write_text(kit / "Annotations" / f"{called}.xml", "\n".join([*lines, "</annotation>", ""]))


def _coco(kit: Path, called: list[str]) -> dict:
    """The same boxes in COCO's format."""
    images: list[dict] = []
    annotations: list[dict] = []
    for number, each in enumerate(called, start=1):
        (height, width), found = read_annotation(kit / "Annotations" / f"{each}.xml", ("__background__", *CLASS_NAMES))
        images.append({"id": number, "file_name": f"{each}.png", "height": height, "width": width})
        for kind, (x1, y1, x2, y2) in zip(found.classes.tolist(), found.boxes.tolist()):
            box = [x1, y1, x2 - x1 + 1, y2 - y1 + 1]
            annotations.append({"id": len(annotations) + 1, "image_id": number, "iscrowd": 0, "bbox": box,
                                "area": box[2] * box[3], "category_id": kind})  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASS_NAMES, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}
