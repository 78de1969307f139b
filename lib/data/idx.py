# SPDX-License-Identifier: Apache-2.0
"""The IDX format of MNIST: two zero bytes, the kind of number, the count of axes, their lengths (32 bits, big endian),
then all numbers (yann.lecun.com/exdb/mnist). Plain or as gzip."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from lib.data.picture_file import DatasetError
from lib.run.atomic import write_bytes

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"
MOST_AXES = 32  # of a NumPy array


def read_content(path: str | Path) -> bytes:
    """What is in an IDX file, unpacked if it is gzip, whatever it is called. Raises DatasetError naming the file."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from None
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: damaged gzip ({error})") from None


def parse(path: str | Path, content: bytes) -> np.ndarray:
    """The array of an IDX file, native byte order. path: for errors. Raises DatasetError naming what does not fit."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in KINDS:
        raise DatasetError(f"{path}: no IDX file (it begins with {content[:4].hex() or 'nothing'})")
    axes, begin = content[3], 4 + 4 * content[3]
    if axes > MOST_AXES:
        raise DatasetError(f"{path}: {axes} axes, expected {MOST_AXES} at most")
    if len(content) < begin:
        raise DatasetError(f"{path}: {len(content)} bytes, its lengths of {axes} axes end at {begin}")
    shape = tuple(int(each) for each in np.frombuffer(content, ">u4", axes, 4))
    kind = np.dtype(KINDS[content[2]])
    expected = begin + prod(shape) * kind.itemsize
    if len(content) != expected:
        raise DatasetError(f"{path}: {len(content)} bytes, expected {expected} for an array of shape {shape}")
    return np.frombuffer(content, kind, offset=begin).reshape(shape).astype(kind.newbyteorder("="))


def read_idx(path: str | Path) -> np.ndarray:
    """The array of an IDX file, plain or gzip. Raises DatasetError naming the file."""
    return parse(path, read_content(path))


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Writes uint8 numbers as a plain IDX file, completely or not at all."""
    if array.dtype != np.uint8:
        raise ValueError(f"{path}: expected uint8, got {array.dtype}")
    head = bytes([0, 0, 0x08, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    write_bytes(path, [head, np.ascontiguousarray(array).tobytes()])
