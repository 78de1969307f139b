# SPDX-License-Identifier: Apache-2.0
"""How many of a group are right, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def share_by_class(right: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """{name: share of right ones among those of this label}; a class that does not occur is left out.

    right: bool (N,). labels: integers (N,), numbers of `names`.
    """
    counts = np.bincount(labels, minlength=len(names))
    hits = np.bincount(labels, right, minlength=len(names))
    return {name: float(hits[k] / counts[k]) for k, name in enumerate(names) if counts[k]}


def share_by_bin(right: np.ndarray, values: np.ndarray, edges: Sequence[float]) -> dict[str, float]:
    """{'low-high': share of right ones among those whose value lies in [low, high)}; the last bin has its upper edge.

    right: bool (N,). values: (N,). edges: rising. What lies outside is left out, and so is an empty bin. Names have two
    digits behind the point, or as many as tell the edges apart.
    """
    inside = (values >= edges[0]) & (values <= edges[-1])
    places = np.clip(np.searchsorted(np.array(edges), values[inside], side="right") - 1, 0, len(edges) - 2)
    digits = next((each for each in range(2, 17) if len({f"{edge:.{each}f}" for edge in edges}) == len({*edges})), 17)
    names = [f"{low:.{digits}f}-{high:.{digits}f}" for low, high in zip(edges, edges[1:])]
    return share_by_class(right[inside], places, names)
