# SPDX-License-Identifier: Apache-2.0
"""The parts of a pooled box over a picture, as they are and as a network moves them."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from lib.pictures.style import STAR, colour, picture

AROUND = 0.4  # of the longer side of what is drawn: how much of the picture is shown beyond it


def draw_bins(axis, image: np.ndarray, regular: np.ndarray, moved: np.ndarray, title: str) -> None:
    """The box (yellow), its parts moved (a colour for each row), and a line from where each part would be.

    regular, moved: (parts, parts, 4), see `lib.looking.bins`.
    """
    picture(axis, image, title)
    whole = np.concatenate([regular[0, 0, :2], regular[-1, -1, 2:]])
    _box(axis, whole, STAR, 2.0)
    for row, column in np.ndindex(*moved.shape[:2]):
        before, after = regular[row, column], moved[row, column]
        _box(axis, after, colour(row), 1.0)
        (x0, y0), (x1, y1) = (each.reshape(2, 2).mean(0) - 0.5 for each in (before, after))
        axis.plot([x0, x1], [y0, y1], color=colour(row), linewidth=0.8)
    every = np.concatenate([regular, moved]).reshape(-1, 4)
    height, width = image.shape[:2]
    left, top, right, bottom = window(every, (height, width))
    axis.set_xlim(left - 0.5, right - 0.5)
    axis.set_ylim(bottom - 0.5, top - 0.5)


def window(boxes: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the piece of a picture of this size (height, width) that shows all boxes (N, 4)
    and something around them, no higher than wide for the picture's sides."""
    height, width = size
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    wide = max(high[0] - low[0], (high[1] - low[1]) * width / height) * (1 + 2 * AROUND)
    wide = min(wide, width)
    tall = wide * height / width
    middle = (low + high) / 2
    left = float(np.clip(middle[0] - wide / 2, 0, width - wide))
    top = float(np.clip(middle[1] - tall / 2, 0, height - tall))
    return left, top, left + float(wide), top + float(tall)


def _box(axis, sides, edge: str, width: float) -> None:
    """sides: [left, top, right, bottom], where a pixel 0 is 0 to 1; Matplotlib has its middle at 0."""
    left, top, right, bottom = sides - 0.5
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=edge, linewidth=width))
