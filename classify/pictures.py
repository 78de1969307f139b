# SPDX-License-Identifier: Apache-2.0
"""Pictures with what the network takes them for, and where it looks in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.looking.look import Look
from lib.pictures.panels import middle_of
from lib.pictures.sampling import draw_sampling
from lib.pictures.style import picture

SIDE, LINES, LINE = 336, 3, 24  # pixels
RIGHT, WRONG = "#1b7837", "#c1121f"
INK = 60  # grey level from which a pixel belongs to a digit


def told(image: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> Image.Image:
    """The picture as the network saw it, uint8 (h, w) or (h, w, 3), enlarged, over its most probable classes."""
    zoom = max(1, SIDE // max(image.shape[:2]))
    shown = Image.fromarray(image).convert("RGB")
    shown = shown.resize((shown.width * zoom, shown.height * zoom), Image.Resampling.NEAREST)
    made = Image.new("RGB", (shown.width, shown.height + LINES * LINE), "white")
    made.paste(shown, (0, 0))
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(LINE - 8)
    for line, number in enumerate(np.argsort(-probabilities, kind="stable")[:LINES]):
        text = f"{names[number]}  {100 * probabilities[number]:.1f}%"
        draw.text((8, shown.height + (line + 0.5) * LINE), text, fill="black", font=font, anchor="lm")
    return made


def draw_pictures(block, seen: Sequence[Look], zoom: np.ndarray | None = None) -> None:
    """Pictures side by side, each with what it is taken for, in red where that is wrong. block: a figure or a part of
    one. zoom: of each picture, if it has one."""
    axes = block.subplots(1, len(seen), squeeze=False)[0]
    for number, (axis, look) in enumerate(zip(axes, seen)):
        found = look.class_names[look.prediction[0, 0]]
        truth = found if look.truth is None else look.class_names[look.truth[0, 0]]
        picture(axis, look.image, found if found == truth else f"{found}, not {truth}")
        axis.title.set_color(RIGHT if found == truth else WRONG)
        if zoom is not None:
            axis.set_xlabel(f"zoomed by 1/{zoom[number]:.2f}", fontsize=8)


def draw_looks(block, seen: Sequence[Look]) -> None:
    """The points that the last layer reads for one pixel of each picture."""
    axes = block.subplots(1, len(seen), squeeze=False)[0]
    for axis, look in zip(axes, seen):
        layer = look.layers[-1]
        moved = float(layer.moved().mean())
        draw_sampling(axis, look.image, layer, telling_pixel(look.image), f"{layer.name}, moved {moved:.1f} px")


def telling_pixel(image: np.ndarray) -> tuple[int, int]:
    """A pixel (y, x) in the middle of what is drawn in a picture, uint8 (h, w, 3); the middle of an empty one."""
    mask = image.max(axis=2) > INK
    height, width = mask.shape
    return middle_of(mask, reach=max(2, height // 10)) if mask.any() else (height // 2, width // 2)
