# SPDX-License-Identifier: Apache-2.0
"""Turns a data set of boxes into the arrays of one epoch: order, mirror images, size, padding, targets of the anchors.

Where this differs from the original: every epoch shuffles its batches (there, not where the list divides evenly); no
box is rounded; pictures of both shapes meet only in the batches that neither shape can fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detection import anchors
from detection.proposals import as_input, read_proposals
from detection.schema import from_file, two_stage
from lib.boxes import geometry
from lib.data import images
from lib.data.boxes import BoxData
from lib.data.images import DatasetError
from lib.data.keep import Keep
from lib.data.parts import part_of
from lib.data.prefetch import prefetch

UNKNOWN_PICTURE = "dataset.proposal: a file's boxes serve training and testing on its own pictures alone"
DRAWS = 1 << 24  # whole numbers that float32 holds exactly


@dataclass(frozen=True)
class Sample:
    """What is taken from one picture: its place in the list, mirrored or not, and where its random choices start."""

    index: int
    mirrored: bool
    draw: int


class Batches:
    """Batches of a data set for training, epoch by epoch; the incomplete last batch is dropped, and so are, as in the
    original, pictures without an object that trains.

    seed: what the random choices start from; those of epoch k depend on (seed, k) alone. batch: pictures per batch, of
    all devices. part: (k, n): `epoch` makes the k-th (from 0) of n equal parts of each batch.
    """

    def __init__(self, data: BoxData, cfg, seed: int, batch: int, part: tuple[int, int] = (0, 1)):
        self._data, self._cfg, self._seed, self.batch = data, cfg, seed, batch
        self.records = [record for record in data.records if len(record.objects.trained.boxes)]
        if not self.records:
            raise DatasetError(f"{data.root}: none of its {len(data.records)} pictures has an object to train on")
        self._proposals = read_proposals(cfg, self.records)
        self._part = part_of(batch, part)
        self.images = len(self.records) * (2 if cfg.TRAIN.FLIP else 1)
        if self.images < batch:
            raise DatasetError(f"{data.root}: {self.images} pictures (mirrored ones counted) make no batch of {batch}")
        self._read = Keep(self._picture, len(self.records))

    def plan(self, epoch: int) -> list[list[Sample]]:
        """What epoch `epoch` takes, batch by batch, without reading anything."""
        random, train = np.random.default_rng((self._seed, epoch)), self._cfg.TRAIN
        order = random.permutation(self.images) if train.SHUFFLE else np.arange(self.images)
        draws = random.integers(0, DRAWS, self.images)
        count = len(self.records)
        samples = [Sample(int(i) % count, bool(i >= count), int(draw)) for i, draw in zip(order, draws)]
        batches = self._cut(samples) if train.ASPECT_GROUPING else self._whole(samples)
        order = random.permutation(len(batches)) if train.SHUFFLE else range(len(batches))
        return [batches[i] for i in order]

    def _whole(self, samples: list[Sample]) -> list[list[Sample]]:
        return [samples[k : k + self.batch] for k in range(0, len(samples) - self.batch + 1, self.batch)]

    def _cut(self, samples: list[Sample]) -> list[list[Sample]]:
        groups = ([], [])
        for sample in samples:
            height, width = self.records[sample.index].size
            groups[width < height].append(sample)
        rest = [sample for group in groups for sample in group[len(group) - len(group) % self.batch :]]
        return [batch for group in (*groups, rest) for batch in self._whole(group)]

    def epoch(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields the inputs (see `symbols.get_symbol`) of each batch of one epoch, read ahead in the background.

        Raises DatasetError naming the file that is broken.
        """
        return prefetch(lambda: (self._make(samples[self._part]) for samples in self.plan(epoch)))

    def _make(self, samples: list[Sample]) -> dict[str, np.ndarray]:
        taken = [self._take(sample) for sample in samples]
        size = padded(np.max([image.shape[:2] for image, *_ in taken], axis=0), self._cfg.network.IMAGE_STRIDE)
        rows = max(len(boxes) for _, _, boxes in taken)
        made = [self._inputs(sample, *each, size, rows) for sample, each in zip(samples, taken)]
        for number, (sample, (image, scale, _)) in enumerate(zip(samples, taken) if self._proposals else ()):
            boxes = self._proposals[self.records[sample.index].name]
            settings = (sample.mirrored, number % self._cfg.TRAIN.BATCH_IMAGES, self._cfg.TRAIN.RPN_POST_NMS_TOP_N)
            made[number]["proposals"] = as_input(boxes, scale, image.shape[:2], *settings)
        return {name: np.stack([each[name] for each in made]) for name in made[0]}

    def _inputs(self, sample: Sample, image, scale: float, boxes, size, rows: int) -> dict[str, np.ndarray]:
        here, random = image.shape[:2], np.random.default_rng((sample.draw, 1))
        inputs = {"data": images.enlarge(images.to_tensor(image, self._cfg), size, 0)}
        if not from_file(self._cfg):
            inputs.update(anchors.targets(self._cfg, tuple(size), here, boxes[:, :4], boxes[:, 4], random))
        if not two_stage(self._cfg):
            return inputs
        if not from_file(self._cfg):
            inputs["im_info"] = np.array([*here, scale], np.float32)
        inputs["gt_boxes"] = np.concatenate([boxes, np.zeros((rows - len(boxes), 5))]).astype(np.float32)
        if self._cfg.TRAIN.BATCH_ROIS > 0:
            inputs["draw"] = np.float32(sample.draw)
        return inputs

    def _take(self, sample: Sample) -> tuple[np.ndarray, float, np.ndarray]:
        image, scale, boxes = self._read(sample.index)
        if sample.mirrored:
            return image[:, ::-1], scale, geometry.mirror(boxes, image.shape[1])
        return image, scale, boxes

    def _picture(self, index: int) -> tuple[np.ndarray, float, np.ndarray]:
        """(picture at the size of cfg.SCALES, its scale, rows [x1, y1, x2, y2, class] in its pixels)."""
        record = self.records[index]
        image, scale = scaled(self._data.image(record), self._cfg)
        boxes = geometry.clip(record.objects.trained.boxes * scale, *image.shape[:2])
        return image, scale, np.concatenate([boxes, record.objects.trained.classes[:, None]], axis=1)


def scaled(image: np.ndarray, cfg) -> tuple[np.ndarray, float]:
    """The picture as the network sees it, and its scale."""
    size = image.shape[:2]
    return images.resize_image(image, images.scaled_size(*size, cfg.SCALES)), images.scale_of(*size, cfg.SCALES)


def network_inputs(cfg, image: np.ndarray) -> tuple[np.ndarray, float, dict[str, np.ndarray]]:
    """(picture as the network sees it, its scale, the network's inputs in testing) of one uint8 (h, w, 3) RGB.

    Raises ValueError where proposals come from a file.
    """
    if from_file(cfg):
        raise ValueError(UNKNOWN_PICTURE)
    seen, scale = scaled(image, cfg)
    inputs = {"data": images.to_tensor(seen, cfg)[None]}
    if two_stage(cfg):
        inputs["im_info"] = np.array([[*seen.shape[:2], scale]], np.float32)
    return seen, scale, inputs


def padded(size, stride: int) -> np.ndarray:
    """(height, width), each rounded up to a multiple of `stride`; 0: as it is."""
    size = np.asarray(size)
    return -(-size // stride) * stride if stride else size
