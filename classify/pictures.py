# SPDX-License-Identifier: Apache-2.0
"""A picture with what the network takes it for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE, LINES, LINE = 336, 3, 24  # pixels


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
