# SPDX-License-Identifier: Apache-2.0
"""Which files a data set in Cityscapes' format has, which belong together, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib.data.preflight.findings import DOWNLOAD, Finding

PUBLISHED = {"train": 2975, "val": 500, "test": 1525}
CITIES = set(
    "aachen bochum bremen cologne darmstadt dusseldorf erfurt hamburg hanover jena krefeld monchengladbach "
    "strasbourg stuttgart tubingen ulm weimar zurich "
    "frankfurt lindau munster "
    "berlin bielefeld bonn leverkusen mainz munich".split()
)
"""Where Cityscapes was filmed: a split that holds one of them is meant to be part of it."""
KINDS = ("labelIds", "labelTrainIds")  # what the reader looks for, the first one first


@dataclass
class Split:
    """Pictures of one split by city, and the labels of those that have any."""

    name: str
    pictures: dict[str, list[Path]]
    labels: dict[Path, Path] = field(default_factory=dict)  # of a picture
    findings: list[Finding] = field(default_factory=list)

    def labelled(self, city: str) -> int:
        return sum(picture in self.labels for picture in self.pictures[city])


def missing_folders(root: Path, folder: str, prefix: str) -> list[Finding]:
    """Whether the two folders are there at all; if not, where they may be instead."""
    if not root.is_dir():
        return [Finding("no such folder", str(root))]
    wanted = (
        (folder, "no pictures", "leftImg8bit_trainvaltest.zip (11 GB)"),
        (prefix, "no labels", "gtFine_trainvaltest.zip (241 MB)" if prefix == "gtFine" else f"{prefix}.zip"),
    )
    return [
        Finding(fault, str(root / name), "no such folder", _where_else(root, name, archive))
        for name, fault, archive in wanted
        if not (root / name).is_dir()
    ]


def _where_else(root: Path, name: str, archive: str) -> str:
    packed = sorted(root.glob(f"{name}*.zip"))
    if packed:
        return f"unpack it: unzip -d {root} {packed[0]}"
    if root.name == name:
        return f"give the folder above: {root.parent}"
    below = sorted(path for path in root.glob(f"*/{name}") if path.is_dir())
    if below:
        return f"give this folder: {below[0].parent}"
    stand_in = "python -m lib.data.streets data/streets makes a stand-in"
    return f"{DOWNLOAD.format(archive, root)}; {stand_in}"


def splits_in(root: Path, folder: str) -> list[str]:
    """train, val and test first, then others."""
    names = sorted(path.name for path in (root / folder).iterdir() if path.is_dir())
    return sorted(names, key=lambda name: [*PUBLISHED, name].index(name))


def read_split(root: Path, folder: str, prefix: str, name: str) -> Split:
    """Pairs pictures with labels by name, as `lib.data.cityscapes.Cityscapes` does, and tells what has no partner."""
    images, truth = root / folder / name, root / prefix / name
    if not images.is_dir():
        have = ", ".join(splits_in(root, folder)) or "nothing"
        return Split(name, {}, findings=[Finding("no pictures", str(images), "no such folder", f"{folder} has {have}")])
    found = sorted(images.glob("*/*.png"))
    pictures: dict[str, list[Path]] = {}
    for path in found:
        if path.name.endswith(f"_{folder}.png"):
            pictures.setdefault(path.parent.name, []).append(path)
    split = Split(name, pictures)
    if not pictures:
        advice = f"expected {images}/<city>/<city>_<sequence>_<frame>_{folder}.png"
        split.findings.append(Finding("no pictures", str(images), "no picture in it", advice))
    others = [path for path in found if not path.name.endswith(f"_{folder}.png")]
    split.findings += [Finding("other files", str(path)) for path in others]
    _pair(split, folder, truth, prefix)
    count = sum(map(len, pictures.values()))
    if CITIES & set(pictures) and count != PUBLISHED.get(name, count):
        detail = f"{count} pictures, Cityscapes has {PUBLISHED[name]}"
        split.findings.append(Finding("not the published number of pictures", name, detail))
    return split


def _pair(split: Split, folder: str, truth: Path, prefix: str) -> None:
    labels = {kind: set(truth.glob(f"*/*_{prefix}_{kind}.png")) for kind in KINDS}
    without = []
    for city, pictures in split.pictures.items():
        for picture in pictures:
            stem = picture.name[: -len(f"{folder}.png")]
            candidates = [truth / city / f"{stem}{prefix}_{kind}.png" for kind in KINDS]
            there = [path for path, kind in zip(candidates, KINDS) if path in labels[kind]]
            for path in there:
                labels[KINDS[candidates.index(path)]].discard(path)
            if there:
                split.labels[picture] = there[0]
            else:
                without.append(picture)
    if without and not split.labels and split.name == "test":
        split.findings.append(Finding("no labels, as in a test set", split.name, f"{len(without)} pictures"))
    else:
        split.findings += [Finding("picture without labels", str(path)) for path in without]
    orphans = sorted(path for paths in labels.values() for path in paths)
    split.findings += [Finding("labels without picture", str(path)) for path in orphans]
    if split.labels and all(path.name.endswith("_labelTrainIds.png") for path in split.labels.values()):
        split.findings.append(Finding("only train ids", split.name, f"{len(split.labels)} *_labelTrainIds.png"))
