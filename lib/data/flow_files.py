# SPDX-License-Identifier: Apache-2.0
"""Optical flow in .flo files, the format of the Middlebury benchmark (Baker et al. 2007), little-endian:

float32 202021.25 (the bytes PIEH), int32 width, int32 height, then rows of (u, v) float32: how far each pixel moves to
the right and down. A value beyond 1e9, or one that is no number, is unknown.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.picture_file import DatasetError
from lib.run.atomic import write_bytes

TAG = b"PIEH"
UNKNOWN = 1e10  # as the benchmark's own files have it
LIMIT = 1e9
_MOST = 99999  # pixels along a side, as in the benchmark's code


def read_flow(path: str | Path) -> np.ndarray:
    """float32 (h, w, 2), (u, v) in pixels. Raises DatasetError naming a missing or damaged file."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DatasetError(f"{path}: a folder, expected a .flo file") from None
    if content[:4] != TAG:
        raise DatasetError(f"{path}: begins with {content[:4]!r}, expected {TAG!r} as .flo files do")
    if len(content) < 12:
        raise DatasetError(f"{path}: {len(content)} bytes, expected 12 at least")
    width, height = (int(each) for each in np.frombuffer(content, "<i4", 2, 4))
    if not (0 < width <= _MOST and 0 < height <= _MOST):
        raise DatasetError(f"{path}: says {width} x {height} pixels (width x height), expected 1 to {_MOST} of each")
    if len(content) != 12 + 8 * width * height:
        expected = 12 + 8 * width * height
        raise DatasetError(f"{path}: {len(content)} bytes, expected {expected} for {width} x {height} pixels")
    return np.frombuffer(content, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)


def write_flow(path: str | Path, flow: np.ndarray) -> None:
    """Writes float (h, w, 2), completely or not at all. Raises ValueError for another shape."""
    write_bytes(path, as_bytes(flow))


def as_bytes(flow: np.ndarray) -> bytes:
    """The content of the file."""
    if flow.ndim != 3 or flow.shape[2] != 2 or not flow.size:
        raise ValueError(f"flow of shape {flow.shape}, expected (h, w, 2)")
    size = np.array(flow.shape[1::-1], "<i4").tobytes()
    return TAG + size + np.ascontiguousarray(flow, "<f4").tobytes()


def known(flow: np.ndarray) -> np.ndarray:
    """bool (h, w): where a flow (h, w, 2) is known."""
    with np.errstate(invalid="ignore"):
        return (np.abs(flow) <= LIMIT).all(axis=-1)
