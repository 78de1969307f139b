# SPDX-License-Identifier: Apache-2.0
"""Checks a whole data set, with a progress bar, and gathers what was found."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lib.data import labels
from lib.data.images import DatasetError
from lib.data.preflight import layout
from lib.data.preflight.findings import ERROR, Finding
from lib.data.preflight.pair import CLASSES, look


@dataclass
class Counts:
    """One split. cities: {city: (pictures, of these with labels)}. sizes: how many pictures have a (height, width)."""

    cities: dict[str, tuple[int, int]]
    sizes: Counter = field(default_factory=Counter)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(CLASSES, np.int64))

    @property
    def pictures(self) -> int:
        return sum(count for count, _ in self.cities.values())

    @property
    def labelled(self) -> int:
        return sum(count for _, count in self.cities.values())


@dataclass
class Report:
    """What there is, by split, and what is wrong with it."""

    root: Path
    splits: dict[str, Counts] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        return not any(finding.level == ERROR for finding in self.findings)


def check(root: str | Path, folder: str = "leftImg8bit", prefix: str = "gtFine", splits: list[str] | None = None,
          workers: int = 1) -> Report:  # fmt: skip
    """Looks at every picture and label file of the data set in `root`.

    folder, prefix: its two subfolders. splits: which of them; None: all there are. workers: threads that read.
    """
    report = Report(Path(root))
    report.findings = layout.missing_folders(report.root, folder, prefix)
    if not (report.root / folder).is_dir():
        return report
    names = layout.splits_in(report.root, folder) if splits is None else splits
    if not names:
        report.findings.append(Finding("no pictures", str(report.root / folder), "no split in it"))
    read = [layout.read_split(report.root, folder, prefix, name) for name in names]
    total = sum(len(paths) for split in read for paths in split.pictures.values())
    with tqdm(total=total, desc="checking", unit=" pictures", disable=None) as bar:
        for split in read:
            counts, found = _look_at_all(split, workers, bar)
            report.splits[split.name] = counts
            if not (report.root / prefix).is_dir():  # said already, once
                found = [finding for finding in found if finding.fault != "picture without labels"]
            report.findings += found
    return report


def check_named(root: str | Path, image_set: str, key: str, prefix: str, workers: int = 1) -> Report:
    """The same of one image set that a configuration names, '<folder>_<split>', whose pictures must have labels.

    key: of cfg.dataset, where it stands. Raises DatasetError for another form.
    """
    folder, separator, split = image_set.partition("_")
    if not separator or not split:
        raise DatasetError(f"dataset.{key}: expected '<folder>_<split>' such as 'leftImg8bit_train', got {image_set!r}")
    report = check(root, folder, prefix, [split], workers)
    unlabelled = "no labels, as in a test set"
    report.findings = [replace(f, fault="picture without labels") if f.fault == unlabelled else f
                       for f in report.findings]  # fmt: skip
    return report


def _look_at_all(split: layout.Split, workers: int, bar) -> tuple[Counts, list[Finding]]:
    cities = {city: (len(split.pictures[city]), split.labelled(city)) for city in sorted(split.pictures)}
    counts, found = Counts(cities), list(split.findings)
    pictures = [path for city in cities for path in split.pictures[city]]
    with ThreadPoolExecutor(max(1, workers)) as pool:  # Pillow decodes outside the GIL
        for seen in pool.map(lambda picture: look(picture, split.labels.get(picture)), pictures):
            if seen.size:
                counts.sizes[seen.size] += 1
            counts.pixels += seen.pixels
            found += seen.findings
            bar.update()
    if counts.labelled and not counts.pixels.any():  # one line instead of one per picture
        empty = sum(finding.fault == "nothing to learn from" for finding in found)
        found = [finding for finding in found if finding.fault != "nothing to learn from"]
        found += [Finding("labels without a class", split.name, f"{empty} label files")] if empty else []
    elif counts.labelled and not counts.pixels.all():
        never = ", ".join(labels.CLASS_NAMES[k] for k in np.flatnonzero(counts.pixels == 0))
        found.append(Finding("classes that never occur", split.name, never))
    return counts, found
