# SPDX-License-Identifier: Apache-2.0
"""Checks an image set of PASCAL VOC's segmentation: every picture and mask that its list names."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lib.data.images import DatasetError
from lib.data.preflight.check import Counts, Report
from lib.data.preflight.findings import Finding
from lib.data.preflight.pair import Labels, look
from lib.data.voc import PascalVOC
from lib.data.voc_labels import IGNORE

CLASSES = PascalVOC.num_classes


def _wrong(label: Path, counts: np.ndarray) -> list[Finding]:
    wrong = [number for number in np.flatnonzero(counts).tolist() if CLASSES <= number < IGNORE]
    advice = f"classes are 0-{CLASSES - 1}, {IGNORE} where none is told (lib/data/voc_labels.py)"
    return [Finding("ids that do not exist", str(label), f"ids {wrong[:8]}", advice)] if wrong else []


_MASKS = Labels(CLASSES, _wrong, lambda label, counts: counts[:CLASSES])


def check_voc(root: str | Path, image_set: str, workers: int = 1) -> Report:
    """Looks at everything in '<year>_<list>' below `root`. workers: threads that read."""
    report = Report(Path(root))
    try:
        data = PascalVOC(root, image_set)
    except DatasetError as error:
        report.findings.append(Finding("image set cannot be read", image_set, str(error)))
        return report
    with ThreadPoolExecutor(max(1, workers)) as pool:
        seen = list(pool.map(lambda record: look(record.image, record.label, _MASKS), data.records))
    pixels = np.sum([each.pixels for each in seen], axis=0)
    sizes = Counter(each.size for each in seen if each.size)
    report.splits[image_set] = Counts({"": (len(seen), len(seen))}, sizes, pixels)
    report.findings = [finding for each in seen for finding in each.findings]
    if never := [name for name, count in zip(data.class_names, pixels) if not count]:
        report.findings.append(Finding("classes that never occur", image_set, ", ".join(never)))
    return report
