# SPDX-License-Identifier: Apache-2.0
"""The frames of a film: a folder of pictures, or a video file by way of imageio (extra `video`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lib.data.images import read_image
from lib.data.picture_file import DatasetError
from lib.data.sequences import pictures_in
from operators.extras import need


def frames(path: str | Path) -> Iterator[np.ndarray]:
    """uint8 (h, w, 3) RGB, one after another. A folder's pictures come in the order of `pictures_in`.

    Raises DatasetError for what is neither, or a file that imageio cannot read; MissingExtra if that is not installed.
    """
    path = Path(path)
    if path.is_dir():
        return map(read_image, pictures_in(path))
    if not path.is_file():
        raise DatasetError(f"{path}: no such film; expected a folder of pictures or a video file")
    need("video", "imageio")
    return _video(path)


def _video(path: Path) -> Iterator[np.ndarray]:
    import imageio.v3 as imageio

    try:
        for frame in imageio.imiter(path):
            if frame.ndim != 3 or frame.shape[2] not in (3, 4) or frame.dtype != np.uint8:
                raise DatasetError(f"{path}: frames of shape {frame.shape} and type {frame.dtype}; expected 8-bit RGB")
            yield np.ascontiguousarray(frame[..., :3])
    except DatasetError:
        raise
    except Exception as error:  # each of imageio's plugins raises its own
        raise DatasetError(f"{path}: imageio cannot read it: {error}") from None
