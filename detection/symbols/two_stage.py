# SPDX-License-Identifier: Apache-2.0
"""R-FCN and Faster R-CNN: boxes are proposed from res4, and judged from res5, in one network (end to end);
or they come from a file (`dataset.proposal`), and nothing proposes."""

from __future__ import annotations

from functools import partial

import mxnet as mx

from detection.schema import box_sets, from_file
from detection.symbols import pooled
from detection.symbols.losses import box_loss, class_loss
from detection.symbols.rpn import anchored
from lib.nets.boxes import step
from lib.nets.resnet_v1 import stage_output


def _two_stage(judge, cfg, features: mx.sym.Symbol, variant, is_train: bool) -> mx.sym.Symbol:
    losses: tuple[mx.sym.Symbol, ...] = ()
    if from_file(cfg):
        rois = mx.sym.Reshape(mx.sym.var("proposals"), shape=(-3, 0), name="rois")  # (N, P, 5) as (N * P, 5)
    else:
        boxes = anchored(cfg, stage_output(features, cfg.net, 4), 2, is_train)
        rois, losses = _proposals(cfg, boxes, cfg.TRAIN if is_train else cfg.TEST), boxes.losses
    if not is_train:
        scores, deltas = judge(cfg, features, rois, variant.moves_bins)
        probability = mx.sym.softmax(scores, axis=1, name="cls_prob")
        sizes = (-1, cfg.TEST.RPN_POST_NMS_TOP_N)  # any number of pictures: the last ones of a test set may be fewer
        return mx.sym.Group([rois, _by_image(probability, sizes, "cls_prob"), _by_image(deltas, sizes, "bbox_pred")])
    rois, label, target, weight = _samples(cfg, rois)
    scores, deltas = judge(cfg, features, rois, variant.moves_bins)
    count = max(cfg.TRAIN.BATCH_ROIS, 0)
    if cfg.TRAIN.ENABLE_OHEM:
        count = cfg.TRAIN.BATCH_ROIS_OHEM
        given = {"cls_score": scores, "bbox_pred": deltas, "labels": label, "bbox_targets": target,
                 "bbox_weights": weight}  # fmt: skip
        label, weight = step("BoxAnnotatorOHEM", "ohem", given, roi_per_img=count, batch_images=cfg.TRAIN.BATCH_IMAGES)
    images = cfg.TRAIN.BATCH_IMAGES
    probability = class_loss(scores, label, "cls_prob")
    loss = box_loss(deltas, target, weight, "bbox_loss", 1.0, count * images)
    label = mx.sym.Reshape(label, shape=(images, -1), name="label_reshape")
    judged = [_by_image(probability, (images, -1), "cls_prob"), _by_image(loss, (images, -1), "bbox_loss")]
    return mx.sym.Group([*losses, *judged, mx.sym.BlockGrad(label, name="rcnn_label")])


def _by_image(x: mx.sym.Symbol, sizes: tuple[int, int], name: str) -> mx.sym.Symbol:
    """(N * R, K) as (N, R, K). sizes: N and R, one of them -1."""
    return mx.sym.Reshape(x, shape=(-4, *sizes, -2), name=f"{name}_reshape")


def _proposals(cfg, boxes, settings) -> mx.sym.Symbol:
    given = {"cls_prob": boxes.probability, "bbox_pred": boxes.deltas, "im_info": mx.sym.var("im_info")}
    return step(
        "proposal",
        "rois",
        given,
        feat_stride=cfg.network.RPN_FEAT_STRIDE,
        scales=cfg.network.ANCHOR_SCALES,
        ratios=cfg.network.ANCHOR_RATIOS,
        rpn_pre_nms_top_n=settings.RPN_PRE_NMS_TOP_N,
        rpn_post_nms_top_n=settings.RPN_POST_NMS_TOP_N,
        threshold=settings.RPN_NMS_THRESH,
        rpn_min_size=settings.RPN_MIN_SIZE,
    )


def _samples(cfg, rois: mx.sym.Symbol) -> mx.sym.Symbol:
    train, given = cfg.TRAIN, {"rois": rois, "gt_boxes": mx.sym.var("gt_boxes")}
    if train.BATCH_ROIS > 0:
        given["draw"] = mx.sym.var("draw")
    return step(
        "proposal_target",
        "proposal_target",
        given,
        num_classes=box_sets(cfg),
        batch_rois=train.BATCH_ROIS,
        fg_fraction=train.FG_FRACTION,
        fg_thresh=train.FG_THRESH,
        bg_thresh_hi=train.BG_THRESH_HI,
        bg_thresh_lo=train.BG_THRESH_LO,
        bbox_means=train.BBOX_MEANS,
        bbox_stds=train.BBOX_STDS,
        bbox_weights=train.BBOX_WEIGHTS,
    )


rfcn, rcnn = partial(_two_stage, pooled.rfcn), partial(_two_stage, pooled.rcnn)
