# SPDX-License-Identifier: Apache-2.0
"""Makes the picture of docs/streets.md: python -m lib.data.streets.sheet docs/images/streets.png

Above three scenes, below the same with their truth laid over them and the bodies' classes written on; then the flags,
and the same scenes in the harder grammar.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.data.labels import PALETTE, TRAIN_ID_OF_LABEL_ID
from lib.data.streets.bodies import KINDS
from lib.data.streets.scene import render_with_bodies
from lib.run.atomic import write_with

SCENES = ((100, "train", 2), (100, "train", 4), (100, "train", 1))
HEIGHT, WIDTH, GAP, LEGEND = 256, 384, 8, 112
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def sheet() -> Image.Image:
    """The whole picture: 3 columns, 2 rows of scenes over a legend, 1 row under it."""
    columns, row = len(SCENES), HEIGHT + GAP
    page = Image.new("RGB", (columns * (WIDTH + GAP) - GAP, 3 * row - GAP + LEGEND), WHITE)
    for column, scene in enumerate(SCENES):
        image, labels, bodies = render_with_bodies(*scene, HEIGHT, WIDTH)
        left = column * (WIDTH + GAP)
        page.paste(Image.fromarray(image), (left, 0))
        page.paste(_overlay(image, labels, bodies), (left, row))
        decoys, *_ = render_with_bodies(*scene, HEIGHT, WIDTH, decoys=True)
        page.paste(Image.fromarray(decoys), (left, 2 * row + LEGEND))
    _legend(page, 2 * row)
    return page


def _overlay(image: np.ndarray, labels: np.ndarray, bodies: list) -> Image.Image:
    train_ids = TRAIN_ID_OF_LABEL_ID[labels]
    mixed = np.where((train_ids != 255)[..., None], 0.45 * image + 0.55 * PALETTE[train_ids], image)
    picture = Image.fromarray(mixed.astype(np.uint8))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    for body in sorted(bodies, key=lambda body: body.feet):
        if body.height > 0.11 * HEIGHT:
            place = (body.x, body.feet - body.height * 0.45)
            draw.text(place, body.name, WHITE, font, anchor="mm", stroke_width=2, stroke_fill=BLACK)
    return picture


def _legend(page: Image.Image, top: int) -> None:
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    draw.text((10, top + 10), "All bodies of a kind look alike; the flag above a body tells its class:", BLACK, font)
    x = 10.0
    for kind, flags in KINDS.items():
        draw.text((x, top + 60), f"{kind}:", BLACK, font, anchor="lm")
        x += draw.textlength(f"{kind}: ", font) + 6
        for name, colour in flags.items():
            draw.rectangle((x, top + 49, x + 22, top + 71), colour, outline=BLACK)
            draw.text((x + 30, top + 60), name, BLACK, font, anchor="lm")
            x += 48 + draw.textlength(name, font)
        x += 40
    text = "With decoys, for boxes only: a second flag on each mast, half as far or half as far again, says nothing:"
    draw.text((10, top + 86), text, BLACK, font)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m lib.data.streets.sheet FILE.png")
    write_with(sys.argv[1], lambda file: sheet().save(file, format="PNG", optimize=True))
