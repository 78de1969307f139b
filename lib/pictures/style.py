# SPDX-License-Identifier: Apache-2.0
"""The colours of all pictures: those of Okabe and Ito, which people with any colour vision tell apart."""

from __future__ import annotations

import numpy as np

LEARNED, ZERO, GREY = "#0072b2", "#d55e00", "#8a8f98"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5a5a5a", "#b8a800")
STAR = "#ffd23f"
PAPER = "#fafafa"


def colour(index: int) -> str:
    """The colour of the index-th thing; they repeat after eight."""
    return COLOURS[index % len(COLOURS)]


def picture(axis, image: np.ndarray, title: str = "") -> None:
    """One picture without axes."""
    axis.imshow(image, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])


def open_spines(axis) -> None:
    """Only the axes themselves, no box."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
