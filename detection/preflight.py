# SPDX-License-Identifier: Apache-2.0
"""Checks the data set of a configuration: every picture and annotation of the image sets that it names."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from detection.data import is_coco, is_hidden
from detection.proposals import read_proposals
from lib.data.boxes import BoxData
from lib.data.cityscapes import image_sets
from lib.data.coco import coco
from lib.data.images import DatasetError
from lib.data.preflight.check import Counts, Report
from lib.data.preflight.findings import Finding
from lib.data.voc_boxes import voc_boxes


def check_config(cfg, workers: int = 1) -> Report:
    """What cfg trains on (dataset.image_set) and is tested on (dataset.test_image_set)."""
    report = Report(Path(cfg.dataset.dataset_path))
    sets = [*image_sets(cfg.dataset.image_set), *image_sets(cfg.dataset.test_image_set)]
    for name in dict.fromkeys(sets):
        try:
            data, faults = _read(cfg, name)
        except DatasetError as error:
            report.findings.append(Finding("image set cannot be read", name, str(error)))
            continue
        kind = "broken picture" if is_coco(cfg) else "broken annotation"
        report.findings += [Finding(kind, str(path), text.removeprefix(f"{path}: ")) for path, text in faults]
        try:
            read_proposals(cfg, data.records)
        except DatasetError as error:
            report.findings.append(Finding("proposals do not fit", name, str(error)))
        report.findings += _pictures(data, workers)
        if data.num_classes != cfg.dataset.NUM_CLASSES:
            text = f"{data.num_classes} with the background, dataset.NUM_CLASSES says {cfg.dataset.NUM_CLASSES}"
            report.findings.append(Finding("another number of classes", name, text))
        if not is_hidden(cfg, name):
            report.findings += _objects(data, name)
        filled = sum(bool(len(record.objects.trained.boxes)) for record in data.records)
        report.splits[name] = Counts({"": (len(data.records), filled)}, Counter(record.size for record in data.records))
    return report


def _read(cfg, image_set: str) -> tuple[BoxData, list[tuple[Path, str]]]:
    """The data set without what is broken, and what is: (file, fault)."""
    faults: list[tuple[Path, str]] = []
    if is_coco(cfg):
        return coco(cfg.dataset.dataset_path, image_set, faults), faults
    return voc_boxes(cfg.dataset.dataset_path, image_set, tuple(cfg.dataset.class_names), faults), faults


def _pictures(data: BoxData, workers: int) -> list[Finding]:
    def look(record):
        try:
            data.image(record)
        except DatasetError as error:
            return Finding("broken picture", str(record.image), str(error).removeprefix(f"{record.image}: "))
        return None

    with ThreadPoolExecutor(workers) as pool:
        return [each for each in pool.map(look, data.records) if each is not None]


def _objects(data: BoxData, image_set: str) -> list[Finding]:
    """Pictures without objects, classes without."""
    empty = [record for record in data.records if not len(record.objects.trained.boxes)]
    findings = [Finding("picture without objects", str(record.image)) for record in empty]
    seen = np.zeros(data.num_classes, bool)
    for record in data.records:
        seen[record.objects.trained.classes] = True
    missing = [name for name, one in zip(data.class_names[1:], seen[1:]) if not one]
    if len(missing) == data.num_classes - 1:
        findings.append(Finding("no objects", image_set, f"none of {len(data.records)} pictures has one that counts"))
    elif missing:
        advice = "the network cannot learn these; they do not count in the mean average precision"
        findings.append(Finding("classes that never occur", image_set, ", ".join(missing), advice))
    return findings
