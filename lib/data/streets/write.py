# SPDX-License-Identifier: Apache-2.0
"""Writes a streets dataset in Cityscapes' folder and file format: complete, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from lib.data.images import DatasetError
from lib.data.streets.scene import GRAMMAR, render
from lib.run.atomic import write_json, write_with
from lib.run.damage import DamagedFile, read_json

SETTINGS_FILE = "streets.json"
CITIES = {"train": ("ashford", "brickton", "cobbleham"), "val": ("dunmere", "elmstead"), "test": ("fernhill",)}


@dataclass(frozen=True)
class Settings:
    """What a streets dataset consists of. Picture i of a split depends on the seed and the size, not on the counts.

    Args:
        train, val: number of pictures.
        height, width: their size in pixels.
        seed: 100 and above were used for tuning the generator and the recipes, 1 to 20 are for reporting.
        grammar: version of the drawing; pictures of different grammars are not comparable.
    """

    train: int = 200
    val: int = 40
    height: int = 128
    width: int = 192
    seed: int = 1
    grammar: int = GRAMMAR

    def __post_init__(self):
        if self.train < 1 or self.val < 1:
            raise ValueError(
                f"streets: expected at least one picture of train and val, got {self.train} and {self.val}"
            )
        if self.height < 64 or self.width < self.height:
            raise ValueError(f"streets: expected height >= 64 and width >= height, got {self.width} x {self.height}")
        if self.seed < 0:
            raise ValueError(f"streets: expected a seed >= 0, got {self.seed}")


Write = Callable[[Path, Settings, int], None]
"""(folder, settings, workers): writes the pictures and what belongs to them."""


def generate(out: str | Path, settings: Settings, replace: bool = False, workers: int = 1, write: Write | None = None):
    """Make the dataset `out` unless it is there already with the same settings.

    Args:
        out: folder that will hold leftImg8bit, gtFine and streets.json. It appears only when it is complete.
        settings: see Settings.
        replace: a streets dataset with other settings in `out` gives way to the new one; otherwise it is an error.
        workers: processes; the files do not depend on it.
        write: of another format; None: Cityscapes'.
    Returns True if it was made, False if it was there.
    Raises DatasetError if `out` holds other settings (and not `replace`), or anything that is no streets dataset.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(out.parent, os.O_RDONLY)  # of several runs that need it at once, one makes it, the others find it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _generate(out, settings, replace, workers, write or _write_all)
    finally:
        os.close(lock)


def _generate(out: Path, settings: Settings, replace: bool, workers: int, write: Write) -> bool:
    there = _settings_in(out, settings)
    if there == asdict(settings):
        return False
    if there is not None and not replace:
        raise DatasetError(
            f"{out}: holds a dataset with other settings ({_difference(there, settings)}); give another "
            "folder, or renew it by the command that makes it, with --replace"
        )
    new = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    try:
        write(new, settings, workers)
        write_json(new / SETTINGS_FILE, asdict(settings))
        new.chmod(0o755)
        _put_in_place(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return True


def _settings_in(out: Path, asked: Settings) -> dict | None:
    """The settings of the dataset in `out`, None if there is nothing."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        return read_json(out / SETTINGS_FILE, "", [entry.name for entry in fields(asked)])
    except (OSError, DamagedFile):
        raise DatasetError(
            f"{out}: is there, but has no readable {SETTINGS_FILE}: not a streets dataset, left alone; give another "
            "folder, or remove this one"
        ) from None


def _difference(there: dict, settings: Settings) -> str:
    asked = asdict(settings)
    keys = [key for key in {**there, **asked} if there.get(key) != asked.get(key)]
    return ", ".join(f"{key} {there.get(key)} there, {asked.get(key)} asked" for key in keys)


def _put_in_place(new: Path, out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
        os.replace(out, old)
        os.replace(new, out)
        shutil.rmtree(old)
    else:
        os.replace(new, out)


def _write_all(root: Path, settings: Settings, workers: int) -> None:
    tasks = list(_tasks(root, settings))
    for image, label, *_ in tasks:
        image.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
    do_all(_write_one, tasks, settings, workers)


def do_all(do: Callable, tasks: list, settings: Settings, workers: int) -> None:
    """Does all tasks, in that many processes, and shows how far it is."""
    size = f"{settings.width}x{settings.height}"
    bar = {"total": len(tasks), "desc": f"streets {size}", "unit": "picture", "disable": None}  # None: in a terminal
    if workers == 1:
        for task in tqdm(tasks, **bar):
            do(task)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for _ in tqdm(pool.map(do, tasks, chunksize=4), **bar):
            pass


def _tasks(root: Path, settings: Settings) -> Iterator[tuple]:
    for split, count in (("train", settings.train), ("val", settings.val)):
        for index in range(count):
            city = CITIES[split][index % len(CITIES[split])]
            stem = f"{city}_{index:06d}_000019"
            image = root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png"
            label = root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png"
            yield image, label, settings.seed, split, index, settings.height, settings.width


def _write_one(task: tuple) -> None:
    image_path, label_path, *what = task
    image, labels = render(*what)
    write_with(image_path, lambda file: Image.fromarray(image).save(file, format="PNG", compress_level=3))
    write_with(label_path, lambda file: Image.fromarray(labels).save(file, format="PNG"))
