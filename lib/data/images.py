# SPDX-License-Identifier: Apache-2.0
"""Reading pictures and label maps, with errors that name the file, and bringing them to the network's size and values.

Everything is read by Pillow: OpenCV and MXNet wheels carry clashing libraries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from lib.data import picture_file
from lib.data.picture_file import DatasetError


def read_image(path: str | Path, upright: bool = False) -> np.ndarray:
    """The picture as every viewer shows it, uint8 (height, width, 3), RGB; see `picture_file` for what is refused.

    upright: one that EXIF says must be turned is refused, because its labels do not say whether they are.
    Raises DatasetError naming a missing or broken file, or one that viewers show differently.
    """
    return picture_file.rgb(path, upright)


def read_label(path: str | Path) -> np.ndarray:
    """The label map as uint8 (height, width), values as stored (a palette is only for looking at).

    Raises DatasetError naming a missing or broken file, or one that is no 8-bit single-channel picture.
    """
    return picture_file.stored_values(path)


def check_sizes(picture, label, of_picture: tuple[int, ...], of_label: tuple[int, ...]) -> None:
    """Raises DatasetError, naming both files, if a picture and its labels differ in size, (height, width)."""
    if of_picture != of_label:
        raise DatasetError(
            f"{label}: {of_label[1]} x {of_label[0]} pixels (width x height), "
            f"but its picture {picture} has {of_picture[1]} x {of_picture[0]}"
        )


def scale_of(height: int, width: int, scales) -> float:
    """The factor of cfg.SCALES: short side SCALES[0][0], unless the long one would exceed SCALES[0][1]."""
    short, long = scales[0]
    factor = short / min(height, width)
    return long / max(height, width) if round(factor * max(height, width)) > long else factor


def scaled_size(height: int, width: int, scales) -> tuple[int, int]:
    """Size (height, width) under cfg.SCALES, see `scale_of`; of a very long picture at least 1."""
    factor = scale_of(height, width, scales)
    return max(1, round(height * factor)), max(1, round(width * factor))


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


def blur(image: np.ndarray, radius: float) -> np.ndarray:
    """`image` (h, w, 3) uint8 under a Gaussian of this standard deviation, in pixels; 0 leaves it as it is."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius))) if radius else image


def enlarge(array: np.ndarray, size, value: float) -> np.ndarray:
    """`array` (..., h, w) filled up with `value`, below and on the right, to `size` (height, width)."""
    missing = np.asarray(size) - array.shape[-2:]
    if not missing.any():
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, each) for each in missing], constant_values=value)


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


def from_tensor(data: np.ndarray, cfg) -> np.ndarray:
    """The picture, uint8 (h, w, 3) RGB, of which `to_tensor` made `data`."""
    means, stds = (np.asarray(each, np.float32)[::-1] for each in (cfg.network.PIXEL_MEANS, cfg.net.pixel_stds))
    channels = data if cfg.net.pixel_order == "RGB" else data[::-1]
    return np.round(channels.transpose(1, 2, 0) * stds + means).clip(0, 255).astype(np.uint8)
