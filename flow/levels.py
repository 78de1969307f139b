# SPDX-License-Identifier: Apache-2.0
"""The maps on which a FlowNet says the flow: from level 6, a cell for 64 x 64 pixels, to level 2, one for 4 x 4."""

from __future__ import annotations

LEVELS = (2, 3, 4, 5, 6)
SCALE = 20.0
"""Every map holds the flow in pixels of the picture, divided by this."""


def size_at(level: int, size: tuple[int, int]) -> tuple[int, int]:
    """(h, w) of a level's map for pictures of `size`: each convolution of stride 2 halves a side, rounded up."""
    height, width = (-(-side // 2**level) for side in size)
    return height, width


def target(level: int) -> str:
    """The input that holds what is true on a level's map."""
    return f"flow{level}"
