# SPDX-License-Identifier: Apache-2.0
"""A trained network that says what stands where in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detection import anchors
from detection.batches import UNKNOWN_PICTURE, padded, scaled
from detection.copies import ENDINGS
from detection.proposals import as_input
from detection.schema import from_file, two_stage
from detection.task import test_network
from lib.boxes import geometry
from lib.boxes.anchors import per_anchor, scores_per_anchor
from lib.boxes.proposals import within
from lib.boxes.suppression import falling, nms
from lib.data import images

SHOWN = 0.5  # score from which a detection is drawn


@dataclass(frozen=True)
class Detections:
    """Of one picture, classes rising and scores falling. boxes: float64 (D, 4), [x1, y1, x2, y2] in its own pixels.
    scores: (D,). classes: int64 (D,), from 1."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


class Predictor:
    """The network of `cfg` with these parameters, on `engine`. Raises ValueError if they are of another network."""

    def __init__(self, cfg, engine, arg, aux):
        self._cfg, self.engine = cfg, engine
        own = {name: arg[name] for name in arg if not name.endswith(ENDINGS)}  # deltas are scaled back in _judged
        if from_file(cfg):  # of a network that was trained with its own proposals
            own = {name: value for name, value in own.items() if not name.startswith("rpn_")}
        engine.build(test_network(cfg), own, aux)

    def detections(
        self, pictures: Sequence[np.ndarray], proposals: Sequence[np.ndarray] | None = None
    ) -> list[Detections]:
        """Of uint8 (h, w, 3) RGB of any sizes; cfg.TEST.BATCH_IMAGES go through the network at once.

        proposals: boxes (n, 4) of each picture in its own pixels, where cfg.dataset.proposal is a file; ValueError
        where they are needed and missing.
        """
        if from_file(self._cfg) and proposals is None:
            raise ValueError(UNKNOWN_PICTURE)
        count = self._cfg.TEST.BATCH_IMAGES
        groups = [slice(first, first + count) for first in range(0, len(pictures), count)]
        return [each for group in groups for each in self._group(pictures[group], (proposals or [])[group])]

    def _group(self, pictures, proposals) -> list[Detections]:
        cfg, seen = self._cfg, [scaled(each, self._cfg) for each in pictures]
        size = padded(np.max([image.shape[:2] for image, _ in seen], axis=0), cfg.network.IMAGE_STRIDE)
        data = np.stack([images.enlarge(images.to_tensor(image, cfg), size, 0) for image, _ in seen])
        info = np.array([[*image.shape[:2], scale] for image, scale in seen], np.float32)
        if from_file(cfg):
            count = cfg.TEST.RPN_POST_NMS_TOP_N
            given = [as_input(boxes, scale, image.shape[:2], False, number, count)
                     for number, (boxes, (image, scale)) in enumerate(zip(proposals, seen))]  # fmt: skip
            found = self._judged({"data": data, "proposals": np.stack(given)})
        else:
            found = self._judged({"data": data, "im_info": info}) if two_stage(cfg) else self._found(data, info)
        return [self._chosen(boxes, scores, each) for (boxes, scores), each in zip(found, info.astype(np.float64))]

    def _judged(self, inputs):
        """(boxes (R, 4 * K), scores (R, C)) of each picture, in the network's pixels."""
        train, names = self._cfg.TRAIN, ["rois_output", "cls_prob_output", "bbox_pred_output"]
        rois, scores, deltas = self.engine.compute(inputs, names).values()
        deltas = deltas.reshape(*deltas.shape[:1], -1, 4) * train.BBOX_STDS + train.BBOX_MEANS
        boxes = geometry.decode(rois[:, 1:], deltas.reshape(len(rois), -1))
        for number in range(len(inputs["data"])):
            own = rois[:, 0] == number
            yield boxes[own], scores[own]

    def _found(self, data, info):
        """(boxes (N, 4), scores (N, C)) of the best anchors of each picture."""
        cfg, names = self._cfg, ["rpn_cls_prob_reshape_output", "rpn_bbox_pred_output"]
        made = self.engine.compute({"data": data}, names)
        base, count = anchors.base(cfg), cfg.network.NUM_ANCHORS
        for scores, deltas, each in zip(made[names[0]], made[names[1]], info):
            size = scores.shape[1:]
            inside = within(base, cfg.network.RPN_FEAT_STRIDE, *size, each[:2])
            scores = scores_per_anchor(scores, count)[inside]
            best = falling(scores[:, 1:].max(1))[: cfg.TEST.RPN_PRE_NMS_TOP_N]
            own = anchors.grid(cfg, *size)[inside][best]
            yield geometry.decode(own, per_anchor(deltas, count)[inside][best]), scores[best]

    def _chosen(self, boxes, scores, info) -> Detections:
        """What is left after each class's non-maximum suppression, and of that the best ones."""
        test = self._cfg.TEST
        boxes = geometry.clip(boxes, info[0], info[1]) / info[2]
        found = []
        for number in range(1, scores.shape[1]):
            rows = np.flatnonzero(scores[:, number] > test.thresh)
            first = {1: 0, 2: 4}.get(boxes.shape[1] // 4, 4 * number)  # sets of deltas: one, or class-agnostic, or all
            own = boxes[rows, first : first + 4]
            kept = nms(own, scores[rows, number], test.NMS)
            found.append((own[kept], scores[rows, number][kept], np.full(len(kept), number)))
        boxes, scores, classes = (np.concatenate(each) for each in zip(*found))
        if len(scores) > test.max_per_image:  # as the original, which keeps more where scores are equal
            keep = scores >= np.sort(scores)[-test.max_per_image]
            boxes, scores, classes = boxes[keep], scores[keep], classes[keep]
        return Detections(boxes, scores, classes)
