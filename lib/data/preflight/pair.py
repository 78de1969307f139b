# SPDX-License-Identifier: Apache-2.0
"""Looks into one picture and its labels: both decoded completely, sizes, channels, ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.data import images, labels, picture_file
from lib.data.preflight.findings import Finding

HIGHEST = max(labels.ID_OF_NAME.values())
CLASSES = len(labels.CLASS_NAMES)


@dataclass(frozen=True)
class Seen:
    """size: (height, width) of the picture, None if it is broken. pixels: int64 (classes,), how many each has."""

    size: tuple[int, int] | None
    pixels: np.ndarray
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Labels:
    """What the label files of a data set hold, told by (file, how many pixels have each of 256 values).

    classes: how many. wrong: what a file should not hold. pixels: int64 (classes,), how many each class has.
    """

    classes: int
    wrong: Callable[[Path, np.ndarray], list[Finding]]
    pixels: Callable[[Path, np.ndarray], np.ndarray]


def look(picture: Path, label: Path | None, kind: Labels | None = None) -> Seen:
    """Reads both files; label: None if the picture has none. kind: None: Cityscapes' labels."""
    kind = kind or CITYSCAPES
    findings: list[Finding] = []
    size = _picture_size(picture, findings)
    pixels = np.zeros(kind.classes, np.int64)
    if label is not None:
        try:
            stored = images.read_label(label)
        except images.DatasetError as error:
            findings.append(Finding("broken labels", str(label), _without_path(error, label)))
        else:
            if size and stored.shape != size:
                detail = f"labels {_text(stored.shape)}, picture {_text(size)}"
                findings.append(Finding("labels of another size than the picture", str(label), detail))
            counts = np.bincount(stored.ravel(), minlength=256)
            findings += kind.wrong(label, counts)
            pixels = kind.pixels(label, counts)
            if not pixels.any() and not findings:
                findings.append(Finding("nothing to learn from", str(label)))
    return Seen(size, pixels, tuple(findings))


def _picture_size(path: Path, findings: list[Finding]) -> tuple[int, int] | None:
    try:
        height, width, _ = images.read_image(path, upright=True).shape
    except images.DatasetError as error:
        findings.append(Finding("broken picture", str(path), _without_path(error, path)))
        return None
    if unlike := picture_file.unlike_rgb(path):
        findings.append(Finding("picture is not 8-bit RGB", str(path), unlike))
    return height, width


def _wrong_ids(label: Path, counts: np.ndarray) -> list[Finding]:
    there = np.flatnonzero(counts).tolist()
    train_ids = label.name.endswith("_labelTrainIds.png")
    valid = {*range(CLASSES), labels.IGNORE} if train_ids else set(range(HIGHEST + 1))
    wrong = [number for number in there if number not in valid]
    if not wrong:
        return []
    detail = f"ids {', '.join(map(str, wrong[:8]))}{', ...' if len(wrong) > 8 else ''}"
    if train_ids and all(number <= HIGHEST for number in there):
        return [Finding("label ids in a labelTrainIds file", str(label), detail)]
    if not train_ids and wrong == [labels.IGNORE] and all(number < CLASSES for number in there[:-1]):
        return [Finding("train ids in a labelIds file", str(label), detail)]
    return [Finding("ids that do not exist", str(label), detail)]


def _pixels(label: Path, counts: np.ndarray) -> np.ndarray:
    if label.name.endswith("_labelTrainIds.png"):
        return counts[:CLASSES]
    return counts[list(labels.LABEL_IDS)]


CITYSCAPES = Labels(CLASSES, _wrong_ids, _pixels)


def _without_path(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _text(size) -> str:
    return f"{size[1]} x {size[0]}"
