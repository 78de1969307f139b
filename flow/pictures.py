# SPDX-License-Identifier: Apache-2.0
"""A pair of pictures with the flow between them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.pictures import flow as coding

GAP, LINE, SIDE = 6, 22, 256  # pixels; pictures smaller than SIDE are enlarged


def told(first: np.ndarray, second: np.ndarray, flow: np.ndarray) -> Image.Image:
    """Both pictures, uint8 (h, w, 3), and their flow in colours, side by side; the wheel of colours in its corner."""
    longest = float(np.hypot(flow[..., 0], flow[..., 1]).max())
    zoom = max(1, SIDE // max(first.shape[:2]))
    panels = {"first": first, "second": second, f"flow, full colour: {longest:.1f} px": coding.colours(flow)}
    height, width = (side * zoom for side in first.shape[:2])
    made = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + LINE), "white")
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(13)
    for place, (title, array) in enumerate(panels.items()):
        left = place * (width + GAP)
        made.paste(Image.fromarray(array).resize((width, height), Image.Resampling.NEAREST), (left, LINE))
        draw.text((left + 2, LINE / 2), title, fill="black", font=font, anchor="lm")
    wheel = Image.fromarray(coding.legend(max(16, min(height, width) // 4)))
    made.paste(wheel, (made.width - wheel.width, made.height - wheel.height))
    return made
