# SPDX-License-Identifier: Apache-2.0
"""Detections as the benchmarks' result files, and their numbers with the original's lines.

VOC's files hold scores with 3 decimals and boxes with 1; the original computes its numbers from them, where scores
tie. Here numbers come from the detections themselves; `read_voc` reads the files for whoever wants theirs.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np

from detection.predictor import Detections
from lib.config.text_file import read_text
from lib.data.boxes import BoxData
from lib.data.cityscapes import image_sets
from lib.data.coco import annotation_file, read_annotations
from lib.data.images import DatasetError
from lib.metrics.average_precision import Found, average_precision
from lib.run.atomic import write_text
from operators.extras import need

THRESHOLDS = (0.5, 0.7)


def by_class(data: BoxData, found: list[Detections]) -> list[Found]:
    """What was found of every class but the background, over all pictures."""
    pictures = np.repeat(np.arange(len(found)), [len(each.scores) for each in found])
    boxes, scores, classes = (np.concatenate([getattr(each, name) for each in found])
                              for name in ("boxes", "scores", "classes"))  # fmt: skip
    rows = [np.flatnonzero(classes == number) for number in range(1, data.num_classes)]
    return [Found(pictures[each], scores[each], boxes[each]) for each in rows]


def voc_numbers(data: BoxData, found: list[Detections]) -> tuple[dict, list[str]]:
    """(results, log lines): the mean average precision at IoU .5, and beside it at .7.

    A class without an object has no average precision (None) and does not count in the mean.
    """
    return voc_numbers_of(data, by_class(data, found))


def require_objects(data: BoxData) -> None:
    """Raises DatasetError for a test set by which nothing can be measured."""
    if not any(len(record.objects.trained.classes) for record in data.records):
        raise DatasetError(f"{data.root}: no picture of the test set has an object that counts")


def voc_numbers_of(data: BoxData, classes: list[Found]) -> tuple[dict, list[str]]:
    require_objects(data)
    eleven = 0 < data.year < 2010
    lines, parts, means = [f"VOC07 metric? {'Y' if eleven else 'No'}"], {}, {}
    for threshold in THRESHOLDS:
        own = {}
        for number, (name, one) in enumerate(zip(data.class_names[1:], classes), start=1):
            truth, difficult = _truth(data, number)
            own[name] = average_precision(one, truth, difficult, threshold, eleven)
            lines.append(f"AP for {name} = {own[name]:.4f}")
        values = [value for value in own.values() if not np.isnan(value)]
        means[threshold] = float(np.mean(values))
        lines += [f"Mean AP@{threshold} = {means[threshold]:.4f}", ""]
        parts[threshold] = {name: None if np.isnan(value) else value for name, value in own.items()}
    numbers = {"metric": "mAP@.5", "value": means[0.5], "parts": parts[0.5], "map_50": means[0.5],
               "map_70": means[0.7], "parts_70": parts[0.7]}  # fmt: skip
    return numbers, lines


def _truth(data: BoxData, number: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    chosen = [(record.objects, record.objects.classes == number) for record in data.records]
    return [each.boxes[own].astype(np.float64) for each, own in chosen], [each.difficult[own] for each, own in chosen]


def voc_file(place: Path, year: int, name: str) -> Path:
    return place / f"VOC{year}" / "Main" / f"comp4_det_test_{name}.txt"


def write_voc(place: Path, data: BoxData, found: list[Detections]) -> None:
    """One file per class, a detection a line: picture, score, box from 1."""
    for name, one in zip(data.class_names[1:], by_class(data, found)):
        lines = [f"{data.records[picture].name} {score:.3f} {' '.join(f'{side + 1:.1f}' for side in box)}\n"
                 for picture, score, box in zip(one.pictures, one.scores, one.boxes)]  # fmt: skip
        path = voc_file(place, data.year, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(lines))


def read_voc(place: Path, data: BoxData) -> list[Found]:
    """What `write_voc` has written. Raises DatasetError naming the file and line that is none of its; also where two
    pictures have one name (two years joined), since the files tell them by it alone."""
    places = {record.name: number for number, record in enumerate(data.records)}
    if len(places) < len(data.records):
        raise DatasetError(f"{data.root}: two pictures have one name, which result files cannot tell apart")
    made = []
    for name in data.class_names[1:]:
        path, rows = voc_file(place, data.year, name), []
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            words = line.split()
            values = _numbers(words[1:])
            if len(values) != 5 or words[0] not in places:
                raise DatasetError(f"{path}: line {number}: expected a picture's name, a score and a box, got {line!r}")
            rows.append([places[words[0]], *values])
        table = np.array(rows).reshape(-1, 6)
        made.append(Found(table[:, 0].astype(np.int64), table[:, 1], table[:, 2:] - 1))
    return made


def _numbers(words: list[str]) -> list[float]:
    """[] where one of them is no finite number."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return []
    return values if np.isfinite(values).all() else []


def write_coco(place: Path, data: BoxData, image_set: str, found: list[Detections]) -> Path:
    """The one file of COCO's format; gives its path."""
    rows = []
    for record, each in zip(data.records, found):
        sides = np.concatenate([each.boxes[:, :2], each.boxes[:, 2:] - each.boxes[:, :2] + 1], axis=1)
        rows += [{"image_id": int(record.name), "category_id": data.numbers[number], "bbox": box, "score": score}
                 for number, box, score in zip(each.classes, sides.tolist(), each.scores.tolist())]  # fmt: skip
    path = place / f"detections_{image_set}_results.json"
    write_text(path, json.dumps(rows))
    return path


def _coco_truth(data: BoxData, image_set: str) -> dict:
    """What the sets' files hold, as one; their annotations are counted anew, since numbers of two files may clash, and
    have what pycocotools asks of each: those without an iscrowd or an area are no crowd, and as large as their box."""
    parts = [read_annotations(annotation_file(data.root, one)) for one in image_sets(image_set)]
    whole = {key: [each for part in parts for each in part.get(key, [])] for key in ("images", "annotations")}
    numbered = [{"iscrowd": 0, "area": each["bbox"][2] * each["bbox"][3], **each, "id": number}
                for number, each in enumerate(whole["annotations"], start=1)]  # fmt: skip
    return {**parts[0], **whole, "annotations": numbered}


def check_coco() -> None:
    """Raises MissingExtra where COCO's numbers cannot be had."""
    need("detection", "pycocotools")


def coco_numbers(path: Path, data: BoxData, image_set: str) -> tuple[dict, list[str]]:
    """(results, log lines) of a result file by pycocotools: the mean over IoU .5 to .95."""
    check_coco()
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()) as told:
        truth = COCO()
        truth.dataset = _coco_truth(data, image_set)
        truth.createIndex()
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not rows:
            return {"metric": "AP", "value": 0.0, "parts": {}}, ["no detection at all"]
        judged = COCOeval(truth, truth.loadRes(str(path)), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    precision = judged.eval["precision"][:, :, :, 0, -1]  # IoU, recall, class; all sizes, most detections
    parts = {}
    for number, name in enumerate(data.class_names[1:]):
        own = precision[:, :, number]
        parts[name] = float(own[own > -1].mean()) if (own > -1).any() else None
    stats = dict(zip(("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"), judged.stats.tolist()))
    stats = {name: value if value > -1 else None for name, value in stats.items()}  # -1: there is no such object
    if stats["AP"] is None:
        raise DatasetError(f"{data.root}: no picture of {image_set} has an object that counts")
    lines = ["~~~~ Mean and per-category AP @ IoU=0.50,0.95] ~~~~", f"{'all':<15s} {100 * stats['AP']:5.1f}"]
    lines += [f"{name:<15s} {100 * value:5.1f}" for name, value in parts.items() if value is not None]
    lines += [line for line in told.getvalue().splitlines() if line.lstrip().startswith("Average")]
    return {"metric": "AP", "value": stats["AP"], "parts": parts, **stats}, lines
