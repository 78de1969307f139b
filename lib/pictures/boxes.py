# SPDX-License-Identifier: Apache-2.0
"""A picture with boxes over it, each with its class and score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LEAST = 600  # pixels: a narrower picture is enlarged, so that texts can be read


def draw_boxes(image: np.ndarray, boxes: np.ndarray, texts: Sequence[str], colours: Sequence) -> Image.Image:
    """image: uint8 (h, w, 3) RGB. boxes: (D, 4), [x1, y1, x2, y2], later ones on top. texts, colours ((r, g, b) of
    0..255): of each box; a text '' is not drawn."""
    zoom = -(-LEAST // image.shape[1]) if image.shape[1] < LEAST else 1
    picture = Image.fromarray(image).resize((image.shape[1] * zoom, image.shape[0] * zoom), Image.Resampling.BICUBIC)
    draw, size = ImageDraw.Draw(picture), max(10, picture.width // 60)
    font = ImageFont.load_default(size)
    for box, text, colour in zip(np.asarray(boxes, np.float64), texts, colours):
        colour = tuple(map(int, colour))
        corners = [box[0] * zoom, box[1] * zoom, (box[2] + 1) * zoom - 1, (box[3] + 1) * zoom - 1]
        draw.rectangle(corners, outline=colour, width=max(2, picture.width // 300))
        if text:
            left, top = corners[0], max(corners[1] - size - 3, 0)
            draw.rectangle([left, top, left + font.getlength(text) + 4, top + size + 3], fill=colour)
            dark = np.dot(colour, (0.299, 0.587, 0.114)) < 140
            draw.text((left + 2, top + 1), text, fill="white" if dark else "black", font=font)
    return picture
