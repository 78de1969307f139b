# SPDX-License-Identifier: Apache-2.0
"""Turns sequences into pairs: a template from one frame, a search picture from another, and what its anchors learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.boxes.template import from_corner, pair_targets
from lib.data.crops import crop, middle_of, side_of, to_crop
from lib.data.images import to_tensor
from lib.data.keep import Keep
from lib.data.parts import part_of
from lib.data.picture_file import DatasetError
from lib.data.prefetch import prefetch
from lib.data.sequences import Sequence
from tracking.anchors import anchors_of, rule_of


@dataclass(frozen=True)
class Pair:
    """template, search: uint8 (t, t, 3) and (s, s, 3). box: of the target in `search`, [x, y, width, height]."""

    template: np.ndarray
    search: np.ndarray
    box: np.ndarray


class Batches:
    """Batches for training, epoch by epoch.

    cfg: reads run.seed, TRAIN.{PAIRS, MAX_GAP, AROUND, SHIFT, SCALE, MIRROR}, net and network.PIXEL_MEANS. Pair i of
    epoch k depends on (run.seed, k, i) alone, so that a resumed run sees what the uninterrupted one would have seen.
    batch: pairs of one update. part: (k, n): of each batch, `epoch` makes the k-th (from 0) of n equal parts.
    """

    def __init__(self, sequences: list[Sequence], cfg, batch: int, part: tuple[int, int] = (0, 1)):
        self._part = range(batch)[part_of(batch, part)]
        if cfg.TRAIN.PAIRS < batch:
            raise DatasetError(f"TRAIN.PAIRS: {cfg.TRAIN.PAIRS} make no batch of {batch}")
        short = [each.name for each in sequences if len(each) < 2]
        if short or not sequences:
            raise DatasetError(f"{', '.join(short) or 'no sequence'}: a pair needs two frames")
        self._sequences, self._cfg, self.batch = sequences, cfg, batch
        self._anchors, self._rule = anchors_of(cfg, cfg.net.search), rule_of(cfg)
        self._places = [(s, f) for s, each in enumerate(sequences) for f in range(len(each))]
        self._first = np.cumsum([0, *map(len, sequences)])
        self._frame = Keep(self._read, len(self._places))

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._cfg.TRAIN.PAIRS // self.batch

    def epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields {"template": float32 (B, 3, t, t), "search": (B, 3, s, s), "label": (B, M), "delta": (B, M, 4)}."""
        return prefetch(lambda: self._epoch(epoch))

    def pair(self, epoch: int, number: int) -> Pair:
        """Pair `number` of an epoch."""
        return self._pair(np.random.default_rng((self._cfg.run.seed, epoch, number)))

    def _epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        for first in range(0, len(self) * self.batch, self.batch):
            rows = [self._row(epoch, first + each) for each in self._part]
            yield {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, epoch: int, number: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng((self._cfg.run.seed, epoch, number))
        pair = self._pair(random)
        told = pair_targets(self._anchors, from_corner(pair.box), self._rule, random)
        return {
            "template": to_tensor(pair.template, self._cfg),
            "search": to_tensor(pair.search, self._cfg),
            "label": told.labels.astype(np.float32),
            "delta": told.deltas.astype(np.float32),
        }

    def _pair(self, random: np.random.Generator) -> Pair:
        cfg = self._cfg
        number = int(random.integers(len(self._sequences)))
        sequence = self._sequences[number]
        one, other = frames_apart(random, len(sequence), cfg.TRAIN.MAX_GAP)
        first, second = (self._frame(int(self._first[number]) + each)[0] for each in (one, other))
        told, truth = sequence.boxes[one], sequence.boxes[other]
        template = crop(first, middle_of(told), side_of(*told[2:]), cfg.net.template)
        middle, side = self._window(random, told if cfg.TRAIN.AROUND == "template" else truth)
        search = crop(second, middle, side, cfg.net.search)
        box = to_crop(truth, middle, side, cfg.net.search)
        if cfg.TRAIN.MIRROR and random.integers(2):
            template, search = template[:, ::-1], search[:, ::-1]
            box[0] = cfg.net.search - box[0] - box[2]
        return Pair(template, search, box)

    def _window(self, random: np.random.Generator, box) -> tuple[tuple[float, float], float]:
        """Middle and side of what the search picture shows, around a box."""
        cfg = self._cfg
        side = side_of(*box[2:]) * cfg.net.search / cfg.net.template
        side *= float(np.exp(random.uniform(-cfg.TRAIN.SCALE, cfg.TRAIN.SCALE)))
        dy, dx = random.uniform(-cfg.TRAIN.SHIFT, cfg.TRAIN.SHIFT, 2) * side / cfg.net.search
        y, x = middle_of(box)
        return (y + dy, x + dx), side

    def _read(self, place: int) -> tuple[np.ndarray]:
        sequence, frame = self._places[place]
        return (self._sequences[sequence].image(frame),)


def frames_apart(random: np.random.Generator, count: int, most: int) -> tuple[int, int]:
    """Two different frames of `count`, at most `most` apart, in either order."""
    one = int(random.integers(count))
    low, high = max(0, one - most), min(count - 1, one + most)
    other = int(random.integers(low, high))
    return one, other + (other >= one)
