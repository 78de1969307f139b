# SPDX-License-Identifier: Apache-2.0
"""Frames of a film with the boxes of a target: one, a strip of several, a clip; and where a network looks in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image, ImageColor, ImageDraw

from lib.looking.look import Layer, Look
from lib.pictures.gif import gif
from lib.pictures.sampling import draw_sampling
from lib.pictures.style import LEARNED, STAR, ZERO, picture

TRUTH, FOUND, FOUND_ZERO = STAR, LEARNED, ZERO
LEAST, LINE = 320, 2  # pixels: narrower frames are enlarged; width of a box's rim
COLOURS, PAUSE = 64, 80  # of a clip; milliseconds per frame


def framed(image: np.ndarray, boxes: Mapping[str, np.ndarray]) -> Image.Image:
    """image: uint8 (h, w, 3) RGB. boxes: {colour: [x, y, width, height] from 0}; one with NaN is not drawn."""
    zoom = -(-LEAST // image.shape[1])
    made = Image.fromarray(image).resize((image.shape[1] * zoom, image.shape[0] * zoom), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(made)
    for colour, box in boxes.items():
        if np.isfinite(box).all():
            x, y, width, height = np.asarray(box, np.float64) * zoom
            draw.rectangle([x, y, max(x, x + width - 1), max(y, y + height - 1)], outline=colour, width=LINE)
    return made


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


def draw_strip(block, strip: Sequence[Look]) -> None:
    """Search pictures of one film, in its order, with the boxes of the target; below each, the points that the last
    layer reads from the middle of the box that was found. block: a figure or a part of one."""
    rows = 2 if strip[0].layers else 1
    for column, look in zip(block.subplots(rows, len(strip), squeeze=False).T, strip):
        picture(column[0], look.image, look.picture)
        for colour, mask in ((TRUTH, look.truth), (FOUND, look.prediction)):
            x, y, width, height = around(mask)
            corner = (x - 0.5, y - 0.5)
            column[0].add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=1.6))
        for axis in column[1:]:
            layer = look.layers[-1]
            draw_sampling(axis, look.image, layer, target_pixel(look, layer), f"moved {layer.moved().mean():.2f} cells")
    for axis in block.axes:
        axis.title.set_fontsize(8)


def around(mask: np.ndarray | None) -> np.ndarray:
    """[x, y, width, height] of what is above 0 in a mask (h, w), NaN where nothing is."""
    if mask is None or not mask.any():
        return np.full(4, np.nan)
    (top, bottom), (left, right) = (np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0))
    return np.array([left, top, right + 1 - left, bottom + 1 - top], np.float64)


def target_pixel(look: Look, layer: Layer) -> tuple[int, int]:
    """The pixel (y, x) in which the layer's cell nearest to the middle of the target that was found has its centre: its
    regular grid is around that; of the whole picture where none was found."""
    x, y, width, height = around(look.prediction if look.prediction.any() else np.ones_like(look.prediction))
    geometry = layer.geometry
    middle = np.array([y + (height - 1) / 2, x + (width - 1) / 2])
    cell = np.clip(geometry.cell_of_place(middle), 0, np.subtract(geometry.size, 1))
    y, x = geometry.to_image(geometry.regular(cell).mean(0)).round().astype(int)
    return int(y), int(x)
