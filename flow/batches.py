# SPDX-License-Identifier: Apache-2.0
"""Turns pairs into the arrays of one epoch: order, changes, means, and what is true on each level."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flow.levels import LEVELS, SCALE, size_at, target
from lib.data import flow_changes, images
from lib.data.flow_files import known
from lib.data.flow_pairs import FlowPairs, Pair
from lib.data.parts import part_of
from lib.data.picture_file import DatasetError
from lib.data.prefetch import prefetch

_UNMOVED = ("translation", "rotation", "second_translation", "second_rotation", "flip_x", "flip_y")
_UNCOLOURED = ("brightness", "contrast", "colour", "noise")


class Batches:
    """Batches for training, epoch by epoch; the incomplete last one is dropped.

    cfg: reads run.seed, TRAIN.SHUFFLE, augment and what `to_tensor` reads. The random choices for a pair in epoch k
    depend on (run.seed, k, the pair's place in the data) alone, so that a resumed run sees what the uninterrupted one
    would have seen. size: (h, w) of what is trained on. batch: pairs of one update. part: (k, n): of each batch,
    `epoch` makes the k-th (from 0) of n equal parts.
    """

    def __init__(self, data: FlowPairs, cfg, size: tuple[int, int], batch: int, part: tuple[int, int] = (0, 1)):
        self._part = part_of(batch, part)
        if len(data) < batch:
            raise DatasetError(f"{data.root}: {len(data)} pairs make no batch of {batch}")
        self._data, self._cfg, self._size, self.batch = data, cfg, size, batch

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._data) // self.batch

    def epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields {"data": float32 (B, 6, h, w), "flow2": (B, 3, h / 4, w / 4), ...}, made ahead in the background."""
        return prefetch(lambda: self._epoch(epoch))

    def _epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        seed, count = self._cfg.run.seed, len(self._data)
        random = np.random.default_rng((seed, epoch))
        order = random.permutation(count) if self._cfg.TRAIN.SHUFFLE else np.arange(count)
        for number in range(len(self)):
            places = order[number * self.batch : (number + 1) * self.batch][self._part]
            made = [self._changed(place, np.random.default_rng((seed, epoch, place))) for place in places]
            tensors, flows = zip(*made)
            yield {"data": np.stack(tensors), **targets(np.stack(flows))}

    def _changed(self, place: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(6, h, w) and (h, w, 2) of one pair."""
        cfg, pair = self._cfg, self._data.pair(self._data.records[place])
        if not known(pair.flow).any():
            raise DatasetError(f"{self._data.root}: no pixel's flow is known in the pair {pair.name}: nothing to learn")
        first, second, flow = _seen(pair, random, cfg.augment, self._size)
        if any(getattr(cfg.augment, key) for key in _UNCOLOURED) or cfg.augment.gamma != [1, 1]:
            first, second = flow_changes.recoloured(random, cfg.augment, first, second)
        return to_tensor(first, second, cfg), flow


def _seen(pair: Pair, random, augment, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pair as it is trained on, of `size`."""
    old = pair.flow.shape[:2]
    moves = any(getattr(augment, key) for key in _UNMOVED) or augment.scale != [1, 1]
    if not moves and old == tuple(size):
        return pair.first, pair.second, pair.flow
    places = flow_changes.drawn_places(random, augment, old, size)
    return flow_changes.geometric(pair.first, pair.second, pair.flow, places, size)


def to_tensor(first: np.ndarray, second: np.ndarray, cfg) -> np.ndarray:
    """float32 (6, h, w) of two pictures (h, w, 3), RGB: `lib.data.images.to_tensor` of each."""
    return np.concatenate([images.to_tensor(each, cfg) for each in (first, second)])


def targets(flows: np.ndarray) -> dict[str, np.ndarray]:
    """{"flow2": float32 (B, 3, h, w), ...}: of flows (B, H, W, 2) in pixels, some of it unknown, what is true on each
    level: the mean flow / 20 of a cell's known pixels, and 1; or 0 and 0 where none is known.

    A cell has the pixels from floor(k H / h) up to ceil((k + 1) H / h), as PyTorch's `area` interpolation has it.
    """
    there = known(flows)
    values = np.concatenate([np.where(there[..., None], flows / np.float32(SCALE), 0), there[..., None]], -1)
    values, size = values.transpose(0, 3, 1, 2).astype(np.float32), flows.shape[1:3]
    found = {}
    for level in LEVELS:
        down, across = (cells_of(side, count) for side, count in zip(size, size_at(level, size)))
        sums = down @ values @ across.T
        count = sums[:, 2:]
        mean = sums[:, :2] / np.maximum(count, 1)
        found[target(level)] = np.concatenate([mean, count > 0], 1).astype(np.float32)
    return found


def cells_of(side: int, count: int) -> np.ndarray:
    """float32 (count, side): 1 where a pixel belongs to a cell."""
    cell, pixel = np.arange(count)[:, None], np.arange(side)
    return ((pixel >= cell * side // count) & (pixel < -(-(cell + 1) * side // count))).astype(np.float32)
