# SPDX-License-Identifier: Apache-2.0
"""Pairs that were predicted, and where LS-DFN looks at a moving edge, kept for those who draw them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.data.flow_files import known, read_flow, write_flow
from lib.data.flow_pairs import Pair
from lib.looking.filters import Filter, as_plain, from_plain
from lib.run.atomic import write_arrays
from lib.run.damage import read_arrays

EDGE = "edge.npz"  # where LS-DFN looks in the first pair that is shown
_PAIR = ("first", "second", "flow")


@dataclass(frozen=True)
class Edge:
    """image: uint8 (h, w, 3), the first of a pair. pixel: (y, x) on an edge of its flow. found: what the network's
    dynamic filter does there."""

    image: np.ndarray
    pixel: tuple[int, int]
    found: Filter


def moving_edge(pair: Pair) -> tuple[int, int]:
    """The pixel (y, x) from which the true flow changes most to the ones below and to the right, in the middle half of
    the picture; unknown flow makes no edge."""
    there = known(pair.flow)
    safe = np.where(there[..., None], pair.flow, 0)
    jumps = np.zeros(there.shape)
    for axis in (0, 1):
        change, both = np.diff(safe, axis=axis), there & np.roll(there, -1, axis)
        both = np.delete(both, -1, axis)  # the last one's neighbour is the first
        jumps[: change.shape[0], : change.shape[1]] += np.where(both, np.hypot(change[..., 0], change[..., 1]), 0)
    height, width = jumps.shape
    inner = jumps[height // 4 : height - height // 4, width // 4 : width - width // 4]
    y, x = np.unravel_index(inner.argmax(), inner.shape)
    return int(y) + height // 4, int(x) + width // 4


def look(predictor, pair: Pair) -> Edge:
    """The filter nearest to the network's end, for one pair."""
    return Edge(pair.first, moving_edge(pair), predictor.filters((pair.first, pair.second))[-1])


def save(path: Path, edge: Edge) -> None:
    """Completely or not at all."""
    facts, maps = as_plain(edge.found)
    write_arrays(
        path,
        {"facts": np.array(json.dumps(facts)), "image": edge.image, "pixel": np.array(edge.pixel), **maps},
        compressed=True,
    )


def load(path: Path) -> Edge:
    """What `save` has written. Raises DamagedFile for anything else."""
    arrays = read_arrays(path, "evaluate again (./test.sh CONFIG)")
    y, x = (int(each) for each in arrays["pixel"])
    return Edge(arrays["image"], (y, x), from_plain(json.loads(str(arrays["facts"])), arrays))


def save_pair(place: Path, pair: Pair, flow: np.ndarray) -> None:
    """Keeps a pair with its true flow, pair_NAME.npz, and the flow that was predicted, NAME.flo, in a folder."""
    write_arrays(place / f"pair_{pair.name}.npz", {name: getattr(pair, name) for name in _PAIR}, compressed=True)
    write_flow(place / f"{pair.name}.flo", flow)


def load_pairs(place: Path) -> list[tuple[Pair, np.ndarray]]:
    """The pairs that `save_pair` has kept there, by name, each with its predicted flow; without their occlusions.

    Raises ValueError where there is none, as an earlier version's evaluation leaves it.
    """
    found = []
    for path in sorted(place.glob("pair_*.npz")):
        name, arrays = path.stem.removeprefix("pair_"), read_arrays(path, "evaluate again (./test.sh CONFIG)")
        pair = Pair(*(arrays[each] for each in _PAIR), occluded=None, name=name)
        found.append((pair, read_flow(place / f"{name}.flo")))
    if not found:
        raise ValueError(f"{place}: has no pair_*.npz; evaluate again (./test.sh CONFIG)")
    return found
