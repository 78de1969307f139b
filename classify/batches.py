# SPDX-License-Identifier: Apache-2.0
"""Turns labelled pictures into the arrays of one epoch: order, mirror images, shifts, means."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.data.labelled import Labelled
from lib.data.parts import part_of
from lib.data.picture_file import DatasetError
from lib.data.prefetch import prefetch


class Batches:
    """Batches for training, epoch by epoch; the incomplete last one is dropped.

    cfg: reads run.seed, TRAIN.{SHUFFLE, MIRROR, SHIFT} and what `to_tensors` reads. The random choices of epoch k
    depend on (run.seed, k) alone, so that a resumed run sees what the uninterrupted one would have seen.
    batch: pictures of one update. part: (k, n): of each batch, `epoch` makes the k-th (from 0) of n equal parts.
    """

    def __init__(self, data: Labelled, cfg, batch: int, part: tuple[int, int] = (0, 1)):
        self._part = part_of(batch, part)
        if len(data) < batch:
            raise DatasetError(f"{data.source}: {len(data)} pictures make no batch of {batch}")
        if cfg.TRAIN.SHIFT >= (least := min(data.images.shape[1:3])):
            raise DatasetError(f"TRAIN.SHIFT: expected less than a side of {data.source}'s pictures, {least} pixels, "
                               f"got {cfg.TRAIN.SHIFT}")  # fmt: skip
        self._data, self._cfg, self.batch = data, cfg, batch

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._data) // self.batch

    def epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields {"data": float32 (B, C, h, w), "label": float32 (B,)} of each batch, made ahead in the background."""
        return prefetch(lambda: self._epoch(epoch))

    def _epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        train, count = self._cfg.TRAIN, len(self._data)
        random = np.random.default_rng((self._cfg.run.seed, epoch))
        order = random.permutation(count) if train.SHUFFLE else np.arange(count)
        mirrored = random.integers(0, 2, count) * train.MIRROR
        shifts = random.integers(-train.SHIFT, train.SHIFT + 1, (count, 2))
        for number in range(len(self)):
            places = np.arange(number * self.batch, (number + 1) * self.batch)[self._part]
            images = self._data.images[order[places]]
            data = to_tensors(images, self._cfg)
            changed = [_changed(*each) for each in zip(data, mirrored[places], shifts[places])]
            yield {"data": np.stack(changed), "label": self._data.labels[order[places]].astype(np.float32)}


def to_tensors(images: np.ndarray, cfg) -> np.ndarray:
    """The network's input, float32 (N, C, h, w), of pictures uint8 (N, h, w) or (N, h, w, 3) RGB: grey levels minus
    means, divided by stds.

    cfg: reads network.PIXEL_MEANS, net.pixel_stds (one number, or blue, green, red) and net.pixel_order.
    """
    images = images[..., None] if images.ndim == 3 else images
    means, stds = (np.asarray(each[::-1], np.float32) for each in (cfg.network.PIXEL_MEANS, cfg.net.pixel_stds))
    data = ((images - means) / stds).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(data[:, ::-1] if cfg.net.pixel_order == "BGR" else data, np.float32)


def _changed(tensor: np.ndarray, mirrored: int, shift: np.ndarray) -> np.ndarray:
    """tensor: (C, h, w). shift: by so many pixels down and to the right; 0, the mean, comes in."""
    tensor = tensor[:, :, ::-1] if mirrored else tensor
    if not shift.any():
        return tensor
    made = np.zeros_like(tensor)
    height, width = tensor.shape[1:]
    to, source = zip(*(_overlap(side, int(by)) for side, by in zip((height, width), shift)))
    made[(slice(None), *to)] = tensor[(slice(None), *source)]
    return made


def _overlap(side: int, by: int) -> tuple[slice, slice]:
    """Where a side that is moved lands, and what of it."""
    return slice(max(by, 0), side + min(by, 0)), slice(max(-by, 0), side + min(-by, 0))
