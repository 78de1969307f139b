# SPDX-License-Identifier: Apache-2.0
"""What a picture file may hold, and how it is seen: every viewer's way, or an error where viewers differ.

8-bit grey, RGB and palette, 1-bit, 16-bit PNG     as they are; of 16 bits the upper 8
EXIF orientation                                   turned upright; of a labelled picture it is an error
transparency                                       an error unless every pixel is opaque
CMYK, LAB, 32-bit and floating-point numbers       an error
several pictures in one file                       an error, but for the previews that cameras add (MPO)
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

ORIENTATION = 0x0112  # EXIF
LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000", "AVIF")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


class DatasetError(ValueError):
    """A dataset cannot be used. The text names the file or folder, what is there and what was expected."""


def rgb(path: str | Path, upright: bool = False) -> np.ndarray:
    """The picture as viewers show it, uint8 (height, width, 3). upright: one that must be turned is an error.

    Raises DatasetError naming the file.
    """
    with _opened(path) as image:
        _only_one(path, image)
        turned = orientation(image)
        if upright and turned != 1:
            raise DatasetError(
                f"{path}: its EXIF orientation ({turned}) says that it is turned, and its labels do not say whether "
                "they are; save the picture upright"
            )
        image = _plain(path, image)
        return np.array(ImageOps.exif_transpose(image) if turned != 1 else image)


def stored_values(path: str | Path) -> np.ndarray:
    """The values of an 8-bit picture with one channel, as stored: a palette is only for looking at. uint8 (h, w).

    Raises DatasetError naming the file.
    """
    with _opened(path) as image:
        _only_one(path, image)
        if image.format in LOSSY:
            raise DatasetError(f"{path}: {image.format} changes values; labels are PNG files")
        bits, mode = _grey_bits(path, image), image.mode
        if mode not in ("L", "P") or bits not in (None, 8):
            what = f"mode {mode}" if bits in (None, 8) else f"{bits} bits"
            raise DatasetError(f"{path}: expected an 8-bit picture with one channel (mode L or P), got {what}")
        if (turned := orientation(image)) != 1:
            raise DatasetError(f"{path}: labels with an EXIF orientation ({turned}); save them without, upright")
        image.load()
        return np.array(image)


def stored_size(path: str | Path) -> tuple[int, int]:
    """(height, width) as stored, not turned; reads the file's head only. Raises DatasetError naming the file."""
    with _opened(path) as image:
        return image.height, image.width


def unlike_rgb(path: str | Path) -> str:
    """How the file differs from an upright 8-bit RGB picture, '' if it does not. The file can be opened."""
    with _opened(path) as image:
        told = [f"mode {image.mode}"] if image.mode != "RGB" else []
        told += ["16 bits"] if _png_header(path, image)[:1] == (16,) else []
        told += ["a transparent colour"] if "transparency" in image.info else []
        told += [f"EXIF orientation {orientation(image)}"] if orientation(image) != 1 else []
        return ", ".join(told)


def orientation(image: Image.Image) -> int:
    """1: upright; 2 to 8: mirrored or turned, as EXIF numbers them. A number that means nothing counts as upright."""
    turned = image.getexif().get(ORIENTATION, 1)
    return turned if turned in range(2, 9) else 1


@contextmanager
def _opened(path):
    """The file, opened by Pillow; whatever that raises becomes a DatasetError naming the file."""
    try:
        with Image.open(path) as image:
            yield image
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DatasetError(f"{path}: a folder, expected a picture") from None
    except UnidentifiedImageError:
        raise DatasetError(f"{path}: not a picture that Pillow can read ({Path(path).stat().st_size} bytes)") from None
    except Image.DecompressionBombError as error:
        raise DatasetError(f"{path}: {error}") from None
    except Exception as error:  # a broken file can raise anything: OSError, SyntaxError, ValueError, struct.error, ...
        raise DatasetError(f"{path}: broken picture: {error or type(error).__name__}") from None


def _only_one(path, image) -> None:
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format != "MPO":
        raise DatasetError(f"{path}: {count} pictures in one file ({image.format}), expected one")


def _plain(path, image: Image.Image) -> Image.Image:
    """The picture in RGB, not turned yet."""
    image.load()
    if image.mode in SIXTEEN_BITS and image.format == "PNG":
        image = _with_exif(Image.fromarray((np.array(image, np.uint16) >> 8).astype(np.uint8)), image)
    elif image.mode not in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"):
        raise DatasetError(
            f"{path}: mode {image.mode} ({image.format}), which viewers show differently; save it as RGB"
        )
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        shown = np.array(image.convert("RGBA"))
        if (lowest := int(shown[..., 3].min())) < 255:
            raise DatasetError(f"{path}: partly transparent (alpha down to {lowest}); save it on a background, as RGB")
        return _with_exif(Image.fromarray(shown[..., :3]), image)
    return _with_exif(image.convert("RGB"), image)


def _with_exif(image: Image.Image, old: Image.Image) -> Image.Image:
    """`image` with what says how `old` must be turned."""
    if (turned := orientation(old)) != 1:
        image.getexif()[ORIENTATION] = turned
    return image


def _grey_bits(path, image) -> int | None:
    """Bits per pixel of a grey PNG, None of others: Pillow stretches the values of 2 and 4 bits to 0..255."""
    bits = _png_header(path, image)
    return bits[0] if bits and bits[1] == 0 else None


def _png_header(path, image) -> tuple[int, ...]:
    """(bits per channel, kind of colour: 0 is grey) of a PNG, () of another file."""
    if image.format != "PNG":
        return ()
    with open(path, "rb") as file:
        return tuple(file.read(26)[24:26])
