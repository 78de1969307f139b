# SPDX-License-Identifier: Apache-2.0
"""Optical flow as colours: the hue says where a pixel goes, the strength of the colour how far. The colours are those
of the Middlebury benchmark (Baker et al. 2007, after the wheel of Scott Cohen)."""

from __future__ import annotations

import numpy as np

# From one of these colours to the next in so many steps, around the wheel, beginning to the right, clockwise.
_CORNERS = ((255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255))
_STEPS = (15, 6, 4, 11, 13, 6)
UNKNOWN = (0, 0, 0)


def wheel() -> np.ndarray:
    """float64 (55, 3) RGB: the colours around the wheel."""
    found = []
    for place, steps in enumerate(_STEPS):
        here, there = (np.array(_CORNERS[each % len(_CORNERS)], float) for each in (place, place + 1))
        found += [here + (there - here) * step / steps for step in range(steps)]
    return np.array(found)


def colours(flow: np.ndarray, known: np.ndarray | None = None, largest: float = 0.0) -> np.ndarray:
    """uint8 (h, w, 3) of a flow (h, w, 2), (u, v) to the right and down: white stands still; a full colour moves by
    `largest` pixels, one that moves further is darker; black is unknown.

    known: bool (h, w); None: all. largest: 0 takes the longest that is known.
    """
    known = np.ones(flow.shape[:2], bool) if known is None else known
    u, v = (np.where(known, flow[..., axis], 0).astype(np.float64) for axis in (0, 1))
    length = np.hypot(u, v)
    share = (length / (largest or max(float(length.max(initial=0)), 1e-9)))[..., None]
    ring = wheel()
    # 0 is to the left, as in the benchmark: -u and -v.
    place = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(ring) - 1)
    before = np.floor(place).astype(int)
    part = (place - before)[..., None]
    full = ring[before % len(ring)] * (1 - part) + ring[(before + 1) % len(ring)] * part
    made = np.where(share <= 1, 255 - share * (255 - full), 0.75 * full)
    return np.where(known[..., None], np.floor(made), UNKNOWN).astype(np.uint8)


def legend(side: int) -> np.ndarray:
    """uint8 (side, side, 3): the wheel; the colour at a place is that of a motion from the middle to there."""
    reach = (side - 1) / 2
    y, x = np.indices((side, side)) - reach
    disc = colours(np.stack([x, y], -1), np.hypot(x, y) <= reach, reach)
    disc[np.hypot(x, y) > reach] = 255
    return disc
