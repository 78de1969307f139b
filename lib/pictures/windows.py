# SPDX-License-Identifier: Apache-2.0
"""The samples that a dynamic filter takes from one place, and what each of them weighs."""

from __future__ import annotations

import numpy as np

from lib.pictures.style import STAR, picture


def draw_window(axis, image: np.ndarray, places: np.ndarray, weights: np.ndarray, pixel, title: str = "") -> None:
    """Dots at `places`, (S, 2): their size says how much the sample weighs, red more and blue less than 1, what it
    weighs before training. Samples outside the picture read zeros and are left out."""
    height, width = image.shape[:2]
    picture(axis, image, title)
    inside = ((places >= 0) & (places < (height, width))).all(-1)
    reach = max(float(np.abs(weights - 1).max()), 1e-6)
    axis.scatter(places[inside, 1], places[inside, 0], s=14 + 60 * np.clip(np.abs(weights[inside]), 0, 2) / 2,
                 c=weights[inside], cmap="coolwarm", vmin=1 - reach, vmax=1 + reach, edgecolor="black",
                 linewidth=0.5)  # fmt: skip
    axis.scatter(pixel[1], pixel[0], s=110, color=STAR, marker="*", edgecolor="black", linewidth=0.6, zorder=6)
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)
