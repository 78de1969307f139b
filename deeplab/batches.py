# SPDX-License-Identifier: Apache-2.0
"""Turns a dataset into the arrays of one epoch: order, mirror images, size, crop, means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.config.multi_scale import label_sizes
from lib.data import images, labels
from lib.data.images import DatasetError
from lib.data.keep import Keep
from lib.data.parts import part_of
from lib.data.prefetch import prefetch
from lib.data.whole import scaled_pair


@dataclass(frozen=True)
class Sample:
    """What is taken from one picture: its place in ds.records, mirrored or not, the crop's corner in 0..1, how
    much larger than under SCALES it is before that, and by how many pixels it is blurred after that."""

    index: int
    mirrored: bool
    down: float
    right: float
    zoom: float = 1.0
    blur: float = 0.0


class Batches:
    """Batches of a dataset for training, epoch by epoch; the incomplete last batch is dropped.

    Args:
        ds: a dataset as load_dataset gives it.
        cfg: configuration; reads SCALES, TRAIN.{FLIP, SHUFFLE, ZOOMS, BLUR, ENABLE_CROP, CROP_HEIGHT, CROP_WIDTH,
            CROP_PAD}, net.scales and what `images.to_tensor` reads.
        seed: what the random choices start from. Those of epoch k depend on (seed, k) alone, so that a resumed run
            sees what the uninterrupted one would have seen.
        batch: pictures per batch; None: TRAIN.BATCH_IMAGES.
        part: (k, n): of each batch, `epoch` makes the k-th (from 0) of n equal parts, in the batch's order.
    """

    def __init__(self, ds, cfg, seed: int = 0, batch: int | None = None, part: tuple[int, int] = (0, 1)):
        self._ds, self._cfg, self._seed = ds, cfg, seed
        self.batch = cfg.TRAIN.BATCH_IMAGES if batch is None else batch
        if self.batch < 1:
            raise ValueError(f"batch: expected at least 1 picture, got {self.batch}")
        self._part = part_of(self.batch, part)
        self._copies = 2 if cfg.TRAIN.FLIP else 1
        self._samples = len(ds.records) * self._copies
        if self._samples < self.batch:
            raise DatasetError(
                f"{ds.root}: {self._samples} pictures (mirrored ones counted) make no batch of {self.batch}"
            )
        self._read = Keep(lambda index: scaled_pair(ds, ds.records[index], cfg), len(ds.records))

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._samples // self.batch

    def plan(self, epoch: int) -> list[list[Sample]]:
        """What epoch `epoch` takes, batch by batch, without reading anything."""
        rng = np.random.default_rng((self._seed, epoch))
        order = rng.permutation(self._samples) if self._cfg.TRAIN.SHUFFLE else np.arange(self._samples)
        corners = rng.random((self._samples, 2))
        zooms = rng.choice(self._cfg.TRAIN.ZOOMS or [1.0], self._samples)
        # Every second picture, drawn last: without it nothing else is drawn otherwise.
        blurs = self._cfg.TRAIN.BLUR * np.maximum(0, rng.uniform(-1, 1, self._samples))
        pictures_in_set = len(self._ds.records)
        samples = [
            Sample(int(i) % pictures_in_set, bool(i >= pictures_in_set), *map(float, (*corner, zoom, blur)))
            for i, corner, zoom, blur in zip(order, corners, zooms, blurs)
        ]
        return [samples[k * self.batch : (k + 1) * self.batch] for k in range(len(self))]

    def epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields {"data", "label"} of each batch of one epoch, read ahead in the background.

        data: float32 (B, 3, h, w), RGB minus means. label: float32 (B, h, w), train ids and 255. B: pictures of this
        part of the batch. Where pictures may have many sizes, h and w are the largest of the batch, or the crop's with
        TRAIN.CROP_PAD; smaller ones end in mean grey whose label is 255. With net.scales the labels are those of the
        maps of every scale (`lib.config.multi_scale.label_sizes`).
        Raises DatasetError naming the file that is broken or does not fit.
        """
        return prefetch(lambda: (self._make(samples[self._part]) for samples in self.plan(epoch)))

    def _make(self, samples: list[Sample]) -> dict[str, np.ndarray]:
        pairs = [self._take(sample) for sample in samples]
        first, padded = pairs[0][1].shape, self._cfg.TRAIN.CROP_PAD
        for sample, (_, truth) in zip(samples, pairs):
            if truth.shape != first and self._ds.one_size and not padded:
                raise DatasetError(
                    f"{self._ds.records[sample.index].image}: {truth.shape[1]} x {truth.shape[0]} pixels, but "
                    f"others of its batch have {first[1]} x {first[0]}; crop (TRAIN.ENABLE_CROP) or use batches of 1"
                )
        size = self._crop if padded else tuple(np.max([truth.shape for _, truth in pairs], axis=0).tolist())
        data = [images.enlarge(images.to_tensor(image, self._cfg), size, 0) for image, _ in pairs]
        truths = [images.enlarge(truth, size, labels.IGNORE) for _, truth in pairs]
        made = {
            name: np.stack([images.resize_label(truth, cells) for truth in truths]).astype(np.float32)
            for name, cells in label_sizes(size, self._cfg.net).items()
        }
        return {"data": np.stack(data), **made}

    def _take(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        image, truth = self._read(sample.index)
        if sample.zoom != 1:
            size = tuple(max(1, round(side * sample.zoom)) for side in truth.shape)
            image, truth = images.resize_image(image, size), images.resize_label(truth, size)
        if self._cfg.TRAIN.ENABLE_CROP:
            window = self._window(sample, truth.shape)
            image, truth = image[window], truth[window]
        if sample.mirrored:
            image, truth = image[:, ::-1], truth[:, ::-1]
        return images.blur(image, sample.blur), truth

    def _window(self, sample: Sample, size: tuple[int, int]):
        height, width = self._crop
        if (size[0] < height or size[1] < width) and not self._cfg.TRAIN.CROP_PAD:
            raise DatasetError(
                f"{self._ds.records[sample.index].image}: {size[1]} x {size[0]} pixels under SCALES, smaller than "
                f"TRAIN.CROP_WIDTH x CROP_HEIGHT = {width} x {height}"
            )
        top, left = (int(part * max(1, side - crop + 1))
                     for part, side, crop in zip((sample.down, sample.right), size, self._crop))  # fmt: skip
        return slice(top, top + height), slice(left, left + width)

    @property
    def _crop(self) -> tuple[int, int]:
        return self._cfg.TRAIN.CROP_HEIGHT, self._cfg.TRAIN.CROP_WIDTH
