# SPDX-License-Identifier: Apache-2.0
"""Reading pictures and label maps, with errors that name the file, and bringing them to the network's size and values.

Everything is read by Pillow: OpenCV and MXNet wheels carry clashing libraries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError


class DatasetError(ValueError):
    """A dataset cannot be used. The text names the file or folder, what is there and what was expected."""


def read_image(path: str | Path) -> np.ndarray:
    """The picture as uint8 (height, width, 3), RGB. Raises DatasetError naming a missing or broken file."""
    return np.asarray(_decode(path, lambda image: image.convert("RGB")))


def read_label(path: str | Path) -> np.ndarray:
    """The label map as uint8 (height, width), values as stored (a palette is only for looking at).

    Raises DatasetError naming a missing or broken file, or one that is no 8-bit single-channel picture.
    """
    image = _decode(path, lambda image: image)
    if image.mode not in ("L", "P"):
        raise DatasetError(f"{path}: expected an 8-bit picture with one channel (mode L or P), got mode {image.mode}")
    return np.array(image)


def _decode(path, convert):
    try:
        with Image.open(path) as image:
            image.load()
            return convert(image)
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise DatasetError(f"{path}: not a picture that Pillow can read ({Path(path).stat().st_size} bytes)") from None
    except (OSError, SyntaxError, ValueError) as error:  # a truncated or corrupt PNG raises any of the three
        raise DatasetError(f"{path}: broken picture: {error}") from None


def check_sizes(record, image: np.ndarray, truth: np.ndarray) -> None:
    """Raises DatasetError, naming both files of the record, if its picture and its labels differ in size."""
    if image.shape[:2] != truth.shape:
        raise DatasetError(
            f"{record.label}: {truth.shape[1]} x {truth.shape[0]} pixels (width x height), "
            f"but its picture {record.image} has {image.shape[1]} x {image.shape[0]}"
        )


def scaled_size(height: int, width: int, scales) -> tuple[int, int]:
    """Size (height, width) under cfg.SCALES: short side SCALES[0][0], unless the long one would exceed SCALES[0][1]."""
    short, long = scales[0]
    factor = short / min(height, width)
    if round(factor * max(height, width)) > long:
        factor = long / max(height, width)
    return round(height * factor), round(width * factor)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`image` (h, w, 3) uint8 at `size` (height, width), bilinear (averaging when it shrinks)."""
    return _resize(image, size, Image.Resampling.BILINEAR)


def resize_label(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`label` (h, w) uint8 at `size` (height, width), each pixel the nearest of the old ones."""
    return _resize(label, size, Image.Resampling.NEAREST)


def _resize(array, size, method):
    if array.shape[:2] == tuple(size):
        return array
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), method))


def to_tensor(image: np.ndarray, cfg) -> np.ndarray:
    """The network's input for one picture: float32 (3, h, w), grey levels minus means, divided by stds (1 by default).

    Args:
        image: uint8 (h, w, 3), RGB.
        cfg: configuration; reads network.PIXEL_MEANS and net.pixel_stds, both in the order blue, green, red, and
            net.pixel_order, the order in which the network expects the channels.
    """
    means, stds = (np.asarray(each, np.float32)[::-1] for each in (cfg.network.PIXEL_MEANS, cfg.net.pixel_stds))
    channels = ((image - means) / stds).transpose(2, 0, 1)
    return np.ascontiguousarray(channels if cfg.net.pixel_order == "RGB" else channels[::-1], np.float32)
