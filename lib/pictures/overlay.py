# SPDX-License-Identifier: Apache-2.0
"""A picture with the predicted classes laid over it, and their names beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

STRENGTH = 0.55  # of the colours over the picture
SHARE = 0.001  # of the pixels: a class with less is not named


def overlay(image: np.ndarray, train_ids: np.ndarray, names: Sequence[str], palette: np.ndarray) -> Image.Image:
    """The picture with its classes in colours, as large, on top of a legend.

    image: uint8 (h, w, 3) RGB. train_ids: uint8 (h, w). names, palette: of the classes, see `dataset.kind_of`.
    """
    mixed = (1 - STRENGTH) * image + STRENGTH * palette[train_ids]
    shares = np.bincount(train_ids.ravel(), minlength=256)[: len(names)] / train_ids.size
    present = [index for index in np.argsort(-shares) if shares[index] > SHARE]
    texts = [f"{names[index]} {100 * shares[index]:.1f}%" for index in present]
    legend = _legend(texts, palette[present], image.shape[1])
    both = Image.new("RGB", (image.shape[1], image.shape[0] + legend.height), "white")
    both.paste(Image.fromarray(mixed.round().astype(np.uint8)), (0, 0))
    both.paste(legend, (0, image.shape[0]))
    return both


def _legend(texts: list[str], colours: np.ndarray, width: int) -> Image.Image:
    """Colour and text of each class, in as many rows as they need at this width."""
    size = max(10, width // 80)
    font = ImageFont.load_default(size)
    places, x, y = [], float(size), size
    for text in texts:
        needed = 2.5 * size + font.getlength(text)
        if x > size and x + needed > width:
            x, y = size, y + 2 * size
        places.append((x, y))
        x += needed + size
    picture = Image.new("RGB", (width, y + 2 * size), "white")
    draw = ImageDraw.Draw(picture)
    for (x, y), colour, text in zip(places, colours, texts):
        draw.rectangle([x, y, x + 1.5 * size, y + size], fill=tuple(map(int, colour)))
        draw.text((x + 2 * size, y + size / 2), text, fill="black", font=font, anchor="lm")
    return picture
