# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 and CIFAR-100 in their binary versions (www.cs.toronto.edu/~kriz/cifar.html): records of one label byte (of
CIFAR-100 two, coarse and fine) and 3,072 bytes, 32 x 32 of red, then of green, then of blue."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.config.text_file import read_text
from lib.data.digits import draw
from lib.data.labelled import Labelled, joined
from lib.data.picture_file import DatasetError
from lib.run.atomic import write_bytes

SIDE = 32
BYTES = 3 * SIDE * SIDE
FILES = {
    ("cifar10", "train"): tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    ("cifar10", "test"): ("test_batch.bin",),
    ("cifar100", "train"): ("train.bin",),
    ("cifar100", "test"): ("test.bin",),
}
NAMES = {"cifar10": ("batches.meta.txt", 10), "cifar100": ("fine_label_names.txt", 100)}
SOURCE = ("https://www.cs.toronto.edu/~kriz/{}-binary.tar.gz, unpacked, is the folder (dataset.dataset_path); "
          "`python -m lib.data.cifar FOLDER` draws a stand-in for cifar10 in its format")  # fmt: skip


def read(folder: str | Path, split: str, kind: str = "cifar10") -> Labelled:
    """One of the two image sets, uint8 (N, 32, 32, 3) RGB. split: train or test. kind: cifar10, cifar100 (fine labels).

    Raises DatasetError naming the file, and where such files come from.
    """
    if (kind, split) not in FILES:
        raise ValueError(f"expected cifar10 or cifar100 and train or test, got {kind!r} and {split!r}")
    names = class_names(folder, kind)
    return joined([_one(Path(folder) / name, kind, names) for name in FILES[kind, split]])


def _one(path: Path, kind: str, names: tuple[str, ...]) -> Labelled:
    labels = 2 if kind == "cifar100" else 1
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}. {_source(kind)}") from None
    if not content or len(content) % (labels + BYTES):
        raise DatasetError(f"{path}: {len(content)} bytes, expected records of {labels + BYTES}. {_source(kind)}")
    records = np.frombuffer(content, np.uint8).reshape(-1, labels + BYTES)
    images = records[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Labelled(np.ascontiguousarray(images), records[:, labels - 1].astype(np.int64), names, str(path))


def class_names(folder: str | Path, kind: str) -> tuple[str, ...]:
    """Of the classes, in the order of their numbers. Raises DatasetError naming the file, `TextFileError` if
    it is no text."""
    name, count = NAMES[kind]
    path = Path(folder) / name
    if not path.is_file():
        raise DatasetError(f"{path}: no such file. {_source(kind)}")
    found = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if len(found) != count:
        raise DatasetError(f"{path}: {len(found)} names, expected {count}")
    if twice := [name for name in found if found.count(name) > 1]:  # results go by the names
        raise DatasetError(f"{path}: {twice[0]!r} is the name of several classes; expected {count} different ones")
    return found


def _source(kind: str) -> str:
    return SOURCE.format("cifar-10" if kind == "cifar10" else "cifar-100")


def write_standin(folder: str | Path, train: int = 2000, test: int = 500, seed: int = 1) -> None:
    """Draws coloured digits on coloured ground and writes them as CIFAR-10's files. train: a multiple of 5."""
    if train % 5 or train < 5 or test < 1:
        raise ValueError(f"expected a multiple of 5 to train on and at least 1 to test on, got {train} and {test}")
    folder, random = Path(folder), np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for split, counts in (("train", [train // 5] * 5), ("test", [test])):
        for name, count in zip(FILES["cifar10", split], counts):
            write_bytes(folder / name, _records(random, count).tobytes())
    write_bytes(folder / NAMES["cifar10"][0], "".join(f"digit {number}\n" for number in range(10)).encode())


def _records(random: np.random.Generator, count: int) -> np.ndarray:
    """uint8 (count, 1 + 3072)."""
    images, labels = draw(random, count)
    ink = np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None] / 255.0
    ground, colour = random.uniform(0, 255, (2, count, 3, 1, 1))
    colour = np.where(np.abs(colour - ground).max(1, keepdims=True) < 80, 255 - ground, colour)
    noisy = ground + (colour - ground) * ink + random.normal(0, 12, (count, 3, SIDE, SIDE))
    return np.concatenate([labels[:, None], np.clip(noisy, 0, 255).reshape(count, -1)], axis=1).astype(np.uint8)


if __name__ == "__main__":
    import sys

    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.data.cifar FOLDER")
    write_standin(sys.argv[1])
