# SPDX-License-Identifier: Apache-2.0
"""The steps of a detection network that have no gradient, on the arrays and attributes of its graph. An engine wraps
each once, under the name that the original's Custom operators have. Each has the names of its inputs, outputs and
attributes, `shapes` of its outputs for shapes of its inputs, and is called with arrays.

A step's `attributes` are texts, as a graph's file holds them. Arrays come as any float type, pictures in axis 0.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np

from lib.boxes import anchors as grid
from lib.boxes.proposals import ProposalRule, filled, proposals, within
from lib.boxes.samples import SampleRule, Samples, hard_examples, proposal_targets

Attributes = Mapping[str, str]


def numbers(text: str) -> tuple[float, ...]:
    """The numbers of an attribute such as '(0.5, 1, 2)'."""
    value = ast.literal_eval(text)
    return tuple(float(each) for each in (value if isinstance(value, (tuple, list)) else [value]))


class Proposal:
    """`proposal`: (cls_prob (N, C * A, h, w), bbox_pred (N, 4 * A, h, w), im_info (N, 3)) -> rois (N * P, 5).

    A row is [number of the picture, x1, y1, x2, y2]; P = rpn_post_nms_top_n, filled by going round. A box's score is
    one minus the probability of the background, which stands first: the original's where C is 2.
    """

    inputs, outputs = ("cls_prob", "bbox_pred", "im_info"), ("output",)
    attributes = ("feat_stride", "ratios", "scales", "rpn_pre_nms_top_n", "rpn_post_nms_top_n", "threshold",
                  "rpn_min_size")  # fmt: skip

    def __init__(self, attributes: Attributes):
        self._stride = int(attributes["feat_stride"])
        self._base = grid.base_anchors(self._stride, numbers(attributes["ratios"]), numbers(attributes["scales"]))
        self._rule = ProposalRule(
            int(attributes["rpn_pre_nms_top_n"]),
            int(attributes["rpn_post_nms_top_n"]),
            float(attributes["threshold"]),
            float(attributes["rpn_min_size"]),
        )

    def shapes(self, cls_prob, bbox_pred, im_info) -> list[tuple[int, ...]]:
        count = len(self._base)
        if bbox_pred[1] != 4 * count or cls_prob[1] % count:
            raise ValueError(f"proposal: {count} anchors need bbox_pred (N, {4 * count}, h, w), got {bbox_pred}")
        maps = (cls_prob[0], 4 * count, *cls_prob[2:])
        for name, shape, wanted in (("bbox_pred", bbox_pred, maps), ("im_info", im_info, (cls_prob[0], 3))):
            if tuple(shape) != wanted:
                raise ValueError(f"proposal: cls_prob {tuple(cls_prob)} needs {name} {wanted}, got {tuple(shape)}")
        return [(cls_prob[0] * self._rule.after, 5)]

    def __call__(self, cls_prob, bbox_pred, im_info) -> list[np.ndarray]:
        self.shapes(cls_prob.shape, bbox_pred.shape, im_info.shape)
        count, (height, width) = len(self._base), cls_prob.shape[2:]
        every = grid.grid_anchors(self._base, self._stride, height, width)
        rois = []
        for number, (scores, deltas, info) in enumerate(zip(cls_prob, bbox_pred, im_info)):
            inside = within(self._base, self._stride, height, width, info[:2])
            boxes, _ = proposals(
                every[inside],
                grid.per_anchor(deltas, count)[inside],
                1 - grid.scores_per_anchor(scores, count)[inside, 0].astype(np.float64),
                info,
                self._rule,
            )
            boxes = filled(boxes, self._rule.after)
            rois.append(np.concatenate([np.full((len(boxes), 1), number), boxes], axis=1))
        return [np.concatenate(rois)]


class ProposalTarget:
    """`proposal_target`: (rois (N * P, 5), gt_boxes (N, G, 5)[, draw (N,)]) -> rois (N * R, 5), label (N * R,),
    bbox_target, bbox_weight (N * R, 4 * num_classes).

    gt_boxes: [x1, y1, x2, y2, class]; rows of class 0 are filling. batch_rois: R, or -1: all, R = P + G, where filling
    is ignored. draw: a whole number for each picture from which its random choices start; needed unless R is -1.
    num_classes: sets of deltas.
    """

    outputs = ("output", "label", "bbox_target", "bbox_weight")
    attributes = ("num_classes", "batch_rois", "fg_fraction", "fg_thresh", "bg_thresh_hi", "bg_thresh_lo",
                  "bbox_means", "bbox_stds", "bbox_weights")  # fmt: skip

    def __init__(self, attributes: Attributes):
        pairs = {"batch_rois": "batch", "fg_fraction": "fg_fraction", "fg_thresh": "fg", "bg_thresh_hi": "bg_high",
                 "bg_thresh_lo": "bg_low", "num_classes": "classes"}  # fmt: skip
        given = {ours: ast.literal_eval(attributes[name]) for name, ours in pairs.items()}
        means, stds, weights = (numbers(attributes[name]) for name in ("bbox_means", "bbox_stds", "bbox_weights"))
        self._rule = SampleRule(**given, means=means, stds=stds, weights=weights)
        self.inputs = ("rois", "gt_boxes") if self._rule.batch == -1 else ("rois", "gt_boxes", "draw")

    def shapes(self, rois, gt_boxes, draw=None) -> list[tuple[int, ...]]:
        images, objects = gt_boxes[:2]
        count = self._rule.batch if self._rule.batch > 0 else rois[0] // images + objects
        wide = (images * count, 4 * self._rule.classes)
        return [(images * count, 5), (images * count,), wide, wide]

    def __call__(self, rois, gt_boxes, draw=None) -> list[np.ndarray]:
        made = [self._one(rois, gt_boxes, draw, number) for number in range(len(gt_boxes))]
        return [np.concatenate(each) for each in zip(*made)]

    def _one(self, rois, gt_boxes, draw, number: int) -> list[np.ndarray]:
        truth = gt_boxes[number]
        truth = truth[truth[:, 4] > 0]
        random = None if draw is None else np.random.default_rng(int(draw[number]))
        boxes = rois[rois[:, 0] == number, 1:]
        made = proposal_targets(boxes, truth[:, :4], truth[:, 4], self._rule, random)
        values = [made.boxes, made.labels, made.deltas, made.weights]
        if self._rule.batch == -1 and len(truth) < len(gt_boxes[number]):
            spare = len(gt_boxes[number]) - len(truth)
            more = [
                filled(made.boxes, spare),
                np.full(spare, -1),
                *(np.zeros((spare, each.shape[1])) for each in values[2:]),
            ]
            values = [np.concatenate(each) for each in zip(values, more)]
        values[0] = np.concatenate([np.full((len(values[0]), 1), number), values[0]], axis=1)
        return values


class HardExamples:
    """`BoxAnnotatorOHEM`: (cls_score (N * R, C), bbox_pred (N * R, 4 * K), labels (N * R,), bbox_targets, bbox_weights)
    -> labels and bbox_weights of the roi_per_img hardest proposals of each of batch_images pictures; see
    `lib.boxes.samples.hard_examples`."""

    inputs = ("cls_score", "bbox_pred", "labels", "bbox_targets", "bbox_weights")
    outputs = ("labels_ohem", "bbox_weights_ohem")
    attributes = ("roi_per_img", "batch_images")

    def __init__(self, attributes: Attributes):
        self._keep, self._images = int(attributes["roi_per_img"]), int(attributes["batch_images"])

    def shapes(self, cls_score, bbox_pred, labels, bbox_targets, bbox_weights) -> list[tuple[int, ...]]:
        return [labels, bbox_weights]

    def __call__(self, *arrays) -> list[np.ndarray]:
        made = []
        for scores, deltas, labels, targets, weights in zip(*(np.split(each, self._images) for each in arrays)):
            samples = Samples(np.zeros((len(labels), 4)), labels.astype(np.int64), targets, weights)
            made.append(hard_examples(scores, deltas, samples, self._keep))
        return [np.concatenate(each) for each in zip(*made)]


STEPS = {"proposal": Proposal, "proposal_target": ProposalTarget, "BoxAnnotatorOHEM": HardExamples}
"""By the name that the graphs have for them."""
