# SPDX-License-Identifier: Apache-2.0
"""Frames of a film with the boxes of a target: one, a strip of several, a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from lib.pictures.gif import gif
from lib.pictures.style import LEARNED, STAR, ZERO

TRUTH, FOUND, FOUND_ZERO = STAR, LEARNED, ZERO
LEAST, LINE = 320, 2  # pixels: narrower frames are enlarged; width of a box's rim
COLOURS, PAUSE = 64, 80  # of a clip; milliseconds per frame


def framed(image: np.ndarray, boxes: Mapping[str, np.ndarray]) -> Image.Image:
    """image: uint8 (h, w, 3) RGB. boxes: {colour: [x, y, width, height] from 0}; one with NaN is not drawn."""
    zoom = -(-LEAST // image.shape[1])
    picture = Image.fromarray(image).resize((image.shape[1] * zoom, image.shape[0] * zoom), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    for colour, box in boxes.items():
        if np.isfinite(box).all():
            x, y, width, height = np.asarray(box, np.float64) * zoom
            draw.rectangle([x, y, max(x, x + width - 1), max(y, y + height - 1)], outline=colour, width=LINE)
    return picture


def clip(frames: Sequence[Image.Image]) -> bytes:
    """The GIF of framed pictures, in the colours of five of them and those of the boxes."""
    if not frames:
        raise ValueError("expected at least one frame")
    own = [ImageColor.getrgb(each) for each in (TRUTH, FOUND, FOUND_ZERO)]
    some = beside([frames[number] for number in places_of(len(frames), 5)])
    seen = some.quantize(COLOURS - len(own)).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*seen[: 3 * (COLOURS - len(own))], *np.ravel(own)])
    return gif([each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames], PAUSE, hold=8)


def beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures side by side, from the top."""
    made = Image.new("RGB", (sum(each.width for each in pictures), max(each.height for each in pictures)), "white")
    left = 0
    for each in pictures:
        made.paste(each, (left, 0))
        left += each.width
    return made


def places_of(count: int, shown: int) -> list[int]:
    """Numbers of `shown` frames of `count`, or of all where there are fewer, the first and the last among them."""
    return [int(each) for each in np.unique(np.linspace(0, count - 1, min(shown, count)).round())]
