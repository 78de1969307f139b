# SPDX-License-Identifier: Apache-2.0
"""COCO's boxes: <root>/annotations/instances_<set>.json and <root>/images/<set>/<file> (or <root>/<set>/<file>);
image_info_<set>.json of a set whose objects are not published.

Reading needs json only; evaluation goes through pycocotools (extra `detection`). Where this differs from the original:
boxes keep their fractions.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from lib.data.boxes import BoxData, BoxRecord, objects
from lib.data.cityscapes import image_sets
from lib.data.images import DatasetError

INFO = "image_info"


def coco(root: str | Path, image_set: str, faults: list | None = None) -> BoxData:
    """The pictures of a set such as 'val2014', or of several joined by '+'. Crowds are left out, as in the original.

    faults: takes (picture's file, what is wrong with it) of pictures that are not there, which then are left out.
    Raises DatasetError naming the file and what is wrong with it.
    """
    parts: list[BoxData] = []
    for one in image_sets(image_set):
        path = annotation_file(root, one)
        content = read_annotations(path)
        try:
            part = _part(Path(root), one, path, content)
        except DatasetError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{path}: not COCO's format: {error!r}") from None
        if parts and parts[0].class_names != part.class_names:
            raise DatasetError(f"{path}: its categories are not those of the other sets of {image_set!r}")
        parts.append(part)
    data = parts[-1]
    data.records = [record for part in parts for record in part.records if _there(record, faults)]
    ids = [record.name for record in data.records]
    if len(set(ids)) != len(ids):
        raise DatasetError(f"image set {image_set!r}: a picture stands in it twice")
    return data


def _there(record: BoxRecord, faults: list | None) -> bool:
    """Whether its file is; else DatasetError, before a training has begun, or a fault."""
    if record.image.is_file():
        return True
    text = f"{record.image}: no such file"
    if faults is None:
        raise DatasetError(text)
    faults.append((record.image, text))
    return False


def lacks_objects(root: str | Path, image_set: str) -> bool:
    """Whether only the benchmark's server knows the objects of a set, or of one of several joined by '+'."""
    return any(annotation_file(root, one).name.startswith(INFO) for one in image_sets(image_set))


def annotation_file(root: str | Path, image_set: str) -> Path:
    """image_info_<set>.json, without objects, is what a benchmark's test sets have in place of the other."""
    full, info = (Path(root) / "annotations" / f"{kind}_{image_set}.json" for kind in ("instances", INFO))
    return info if info.is_file() and not full.is_file() else full


def read_annotations(path: Path) -> dict:
    """What a set's file holds. Raises DatasetError naming it."""
    if not path.is_file():
        there = ", ".join(sorted(each.name for each in path.parent.glob("*.json"))) or "no .json file"
        raise DatasetError(f"{path}: no such file; its folder has {there}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or not content.get("images"):
        raise DatasetError(f"{path}: lists no images")
    return content


def _part(root: Path, image_set: str, path: Path, content: dict) -> BoxData:
    """path: of the file that `content` stands in."""
    categories = sorted(content["categories"], key=lambda each: each["id"])
    places = {each["id"]: number for number, each in enumerate(categories, start=1)}
    for key in ("id", "name"):  # results are told by name, and in files by id
        kind, values = {"id": int, "name": str}[key], [each[key] for each in categories]
        if len(set(values)) < len(values):
            raise DatasetError(f"{path}: two categories have one {key}, got {values}")
        if wrong := [each for each in values if type(each) is not kind]:
            told = {"id": "a whole number", "name": "a text"}[key]
            raise DatasetError(f"{path}: category {wrong[0]!r}: {key}: expected {told}")
    rows: dict[int, list] = {each["id"]: [] for each in content["images"]}
    sizes = {each["id"]: _size(path, each) for each in content["images"]}
    for each in content.get("annotations", []):
        here = f"{path}: annotation {each['id']}"
        if each["image_id"] not in rows:
            raise DatasetError(f"{here}: there is no image {each['image_id']}")
        if each["category_id"] not in places:
            raise DatasetError(f"{here}: there is no category {each['category_id']}")
        row = _row(here, each, sizes[each["image_id"]], places)
        if row is not None:
            rows[each["image_id"]].append(row)
    folder = next((path for path in (root / "images" / image_set, root / image_set) if path.is_dir()), None)
    if folder is None:
        raise DatasetError(f"{root / 'images' / image_set}: no such folder, and neither is {root / image_set}")
    records = [BoxRecord(folder / each["file_name"], str(each["id"]), sizes[each["id"]], objects(rows[each["id"]]))
               for each in content["images"]]  # fmt: skip
    names = ("__background__", *(each["name"] for each in categories))
    return BoxData(root, names, records, numbers=(0, *(each["id"] for each in categories)))


def _size(path: Path, image: dict) -> tuple[int, int]:
    """(height, width) of an image. Its id is checked, too: result files hold it as a number."""
    if type(image["id"]) is not int:
        raise DatasetError(f"{path}: image {image['id']!r}: id: expected a whole number")
    height, width = int(image["height"]), int(image["width"])
    if min(height, width) < 1:
        raise DatasetError(
            f"{path}: image {image['id']}: expected a picture of at least one pixel, got {width} x {height}"
        )
    return height, width


def _row(here: str, annotation: dict, size: tuple[int, int], places: dict) -> tuple | None:
    """None for a crowd and for what has no area inside the picture."""
    crowd, area, box = annotation.get("iscrowd", 0), annotation.get("area", 1), annotation["bbox"]
    if crowd not in (0, 1):  # '0', taken for yes, would leave the object out of training
        raise DatasetError(f"{here}: iscrowd: expected 0 or 1, got {crowd!r}")
    if type(area) not in (int, float):
        raise DatasetError(f"{here}: area: expected a number, got {area!r}")
    if len(box) != 4 or not all(type(each) in (int, float) and math.isfinite(each) for each in box):
        raise DatasetError(f"{here}: bbox: expected four numbers, [x, y, width, height], got {box}")
    x, y, width, height = map(float, box)
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(size[1] - 1.0, x + max(0.0, width - 1)), min(size[0] - 1.0, y + max(0.0, height - 1))
    if crowd or area <= 0 or right < left or bottom < top or min(width, height) <= 0:
        return None
    return (left, top, right, bottom), places[annotation["category_id"]], False
