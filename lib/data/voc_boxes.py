# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC's boxes in the folders of its development kit.

<root>/VOC<year>/JPEGImages/<id>.jpg           (or .png)
<root>/VOC<year>/Annotations/<id>.xml          boxes from 1, both corners inside
<root>/VOC<year>/ImageSets/Main/<list>.txt     one id per line

Where this differs from the original: boxes are real numbers, so that a coordinate 0 in an annotation does not become
65535; every fault of an annotation is told with the name of its file.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lib.config.text_file import read_text
from lib.data import voc_labels
from lib.data.boxes import BoxData, BoxRecord, objects
from lib.data.cityscapes import image_sets
from lib.data.images import DatasetError
from lib.data.picture_file import stored_size

CLASS_NAMES = ("__background__", *voc_labels.CLASS_NAMES[1:])


def voc_boxes(root: str | Path, image_set: str, class_names: tuple[str, ...] = (), faults: list | None = None,
              truth: bool = True):  # fmt: skip
    """The pictures (`BoxData`) of '<year>_<list>', or of several joined by '+': '2007_trainval+2012_trainval'.

    class_names: of another data set in this format, without the background; (): VOC's 20. faults: takes (annotation's
    file, what is wrong with it) of pictures that then are left out. truth: False reads no annotation, and no picture
    has an object.
    Raises DatasetError naming the folder, list or annotation that is missing or wrong.
    """
    names = ("__background__", *class_names) if class_names else CLASS_NAMES
    data, seen = BoxData(Path(root), names), set()
    for one in image_sets(image_set):
        year, _, name = one.partition("_")
        if not year.isdigit() or not name:
            raise DatasetError(f"image set {one!r}: expected '<year>_<list>' such as '2007_trainval'")
        data.year = max(data.year, int(year))
        for picture in _ids(data.root / f"VOC{year}", name):
            if (year, picture) in seen:
                raise DatasetError(f"image set {image_set!r}: {picture} of {one} stands in it twice")
            seen.add((year, picture))
            try:
                data.records.append(_record(data.root / f"VOC{year}", picture, names if truth else ()))
            except DatasetError as error:
                if faults is None:
                    raise
                faults.append((data.root / f"VOC{year}" / "Annotations" / f"{picture}.xml", str(error)))
    return data


def _ids(kit: Path, name: str) -> list[str]:
    if not kit.is_dir():
        raise DatasetError(
            f"dataset.dataset_path: {kit} is not a folder; expected VOC's development kit, whose {kit.name}/ holds "
            "JPEGImages, Annotations and ImageSets"
        )
    listing = kit / "ImageSets" / "Main" / f"{name}.txt"
    if not listing.is_file():
        there = ", ".join(sorted(path.stem for path in listing.parent.glob("*.txt"))[:20])
        raise DatasetError(f"{listing}: no such list; {listing.parent} has {there or 'none'}")
    ids = [line.split()[0] for line in read_text(listing).splitlines() if line.strip()]
    if not ids:
        raise DatasetError(f"{listing}: empty, expected one picture's name per line")
    return ids


def _record(kit: Path, picture: str, names: tuple[str, ...]) -> BoxRecord:
    """names: of the classes; () reads no annotation."""
    image = next((path for path in (kit / "JPEGImages" / f"{picture}{end}" for end in (".jpg", ".png"))
                  if path.is_file()), None)  # fmt: skip
    if image is None:
        raise DatasetError(f"{kit / 'JPEGImages' / picture}.jpg: no such file")
    if names:
        size, found = read_annotation(kit / "Annotations" / f"{picture}.xml", names)
    else:
        size, found = stored_size(image), objects([])
    return BoxRecord(image, picture, size, found)


def read_annotation(path: Path, names: tuple[str, ...]):
    """((height, width), Objects) of an annotation's file. names: of the classes, the background first."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    try:
        tree = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: an encoding that expat lacks
        raise DatasetError(f"{path}: not XML: {error}") from None
    width, height = (int(_number(path, tree, f"size/{side}")) for side in ("width", "height"))
    if min(width, height) < 1:
        raise DatasetError(f"{path}: size: expected a picture of at least one pixel, got {width} x {height}")
    rows = [_object(path, number, each, names, (height, width)) for number, each in enumerate(tree.findall("object"))]
    return (height, width), objects(rows)


def _object(path: Path, number: int, tree, names: tuple[str, ...], size: tuple[int, int]) -> tuple:
    here = f"{path}: object {number + 1}"
    name = (tree.findtext("name") or "").strip()
    known = {each.lower(): place for place, each in enumerate(names)}
    if name.lower() not in known or not known[name.lower()]:
        raise DatasetError(f"{here}: class {name!r} is none of {', '.join(names[1:])}")
    box = [_number(here, tree, f"bndbox/{side}") - 1 for side in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = box
    if right < left or bottom < top:
        raise DatasetError(f"{here}: its box {[each + 1 for each in box]} ends before it begins")
    if right < 0 or bottom < 0 or left >= size[1] or top >= size[0]:
        raise DatasetError(
            f"{here}: its box {[each + 1 for each in box]} lies outside the picture, {size[1]} x {size[0]}"
        )
    # A coordinate 0, or one beyond the picture, as some annotation tools write it, is brought inside.
    inside = [max(left, 0), max(top, 0), min(right, size[1] - 1), min(bottom, size[0] - 1)]
    return inside, known[name.lower()], _difficult(here, tree)


def _difficult(where: str, tree) -> bool:
    text = (tree.findtext("difficult") or "0").strip()
    if text not in ("", "0", "1"):  # 'False', taken for yes, would leave the object out of training and evaluation
        raise DatasetError(f"{where}: difficult: expected 0 or 1, got {text!r}")
    return text == "1"


def _number(where, tree, key: str) -> float:
    text = tree.findtext(key)
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{where}: {key}: expected a number, got {text!r}")
    return value
