# SPDX-License-Identifier: Apache-2.0
"""The proposal network (Ren et al. 2015, arXiv 1506.01497) and its class-aware form (Dai et al. 2017, 1703.06211).

The paper says of the class-aware one no more than that the two-class classifier has C + 1 classes; that it stands on
res5 reduced to 1024 channels, and that its deltas know no class, is our reading. net.rpn_channels 0 puts its 1x1
heads directly there, which has the number of parameters in the paper's table.
"""

from __future__ import annotations

from dataclasses import dataclass

import mxnet as mx

from detection.symbols.losses import box_loss, class_loss, conv, relu


@dataclass(frozen=True)
class Anchored:
    """probability: (N, C * A, h, w), no gradient. deltas: (N, 4 * A, h, w). losses: in training."""

    probability: mx.sym.Symbol
    deltas: mx.sym.Symbol
    losses: tuple[mx.sym.Symbol, ...] = ()


def anchored(cfg, features: mx.sym.Symbol, classes: int, is_train: bool) -> Anchored:
    """Scores and deltas of the anchors at every cell of `features`."""
    count, channels = cfg.network.NUM_ANCHORS, cfg.net.rpn_channels
    if channels:
        features = relu(conv(features, "rpn_conv_3x3", channels, 3), "rpn_relu")
    scores = conv(features, "rpn_cls_score", classes * count)
    deltas = conv(features, "rpn_bbox_pred", 4 * count)
    scores = mx.sym.Reshape(scores, shape=(0, classes, -1, 0), name="rpn_cls_score_reshape")
    name = "rpn_cls_act" if is_train else "rpn_cls_prob"
    flat = mx.sym.softmax(scores, axis=1, name=name)  # the original's SoftmaxActivation knows float32 only
    probability = mx.sym.Reshape(flat, shape=(0, classes * count, -1, 0), name=f"{name}_reshape")
    if not is_train:
        return Anchored(probability, deltas)
    target, weight = mx.sym.var("bbox_target"), mx.sym.var("bbox_weight")
    size = (cfg.TRAIN.RPN_BATCH_SIZE or 256) * cfg.TRAIN.BATCH_IMAGES
    losses = (
        class_loss(scores, mx.sym.var("label"), "rpn_cls_prob", multi_output=True),
        box_loss(deltas, target, weight, "rpn_bbox_loss", 3.0, size),
    )
    return Anchored(probability, deltas, losses)


def class_aware(cfg, features: mx.sym.Symbol, variant, is_train: bool) -> mx.sym.Symbol:
    """The head of a class-aware RPN."""
    features = relu(conv(features, "conv_new_1", cfg.net.head_channels or 1024), "relu1")
    made = anchored(cfg, features, cfg.dataset.NUM_CLASSES, is_train)
    return mx.sym.Group(list(made.losses) if is_train else [made.probability, made.deltas])
