# SPDX-License-Identifier: Apache-2.0
"""The networks. One file per variant says which head it has, which convolution stands at branch2b of res5, and whether
its pooling learns where to look."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import mxnet as mx

from lib.nets import named
from lib.nets.dynamic_filter import beside
from lib.nets.resnet_v1 import Branch2b, backbone

_SHARED = {"rpn", "pooled", "losses", "two_stage"}


@dataclass(frozen=True)
class Variant:
    """head: builds everything after the backbone: (cfg, features of res5, variant, is_train) -> Symbol. branch2b: the
    convolution of res5. moves_bins: whether the pooling of boxes learns where its parts look. two_stage: whether boxes
    are proposed, and then judged by a second head. filters: whether the head sees, beside res5, what dynamic filters
    make of it."""

    head: Callable[..., mx.sym.Symbol]
    branch2b: Branch2b
    moves_bins: bool = False
    two_stage: bool = True
    filters: bool = False


def names() -> list[str]:
    """The values that cfg.symbol may take."""
    return named.names(sys.modules[__name__], _SHARED)


def variant(name: str) -> Variant:
    """Raises ValueError for an unknown name, with the nearest one."""
    return named.network(sys.modules[__name__], name, _SHARED).VARIANT


def get_symbol(cfg, is_train: bool = True) -> mx.sym.Symbol:
    """The detection network that cfg.symbol and cfg.net describe, with the original's inputs, outputs and names.

    Inputs in training: data (N, 3, H, W), im_info (N, 3) = height, width (without padding) and scale of each picture,
    gt_boxes (N, G, 5) = x1, y1, x2, y2, class, in pixels of data, filled up with rows of class 0; label (N, A*h*w),
    bbox_target, bbox_weight (N, 4*A, h, w) of the anchors; draw (N,), only where TRAIN.BATCH_ROIS is a number: whole
    numbers from which random choices start. Class-aware RPN takes data, label, bbox_target and bbox_weight. Where
    dataset.proposal is a file: data, gt_boxes, draw as above, and proposals (N, P, 5) = number of the picture on its
    device, x1, y1, x2, y2; in testing data and proposals. The outputs that begin with rpn are then not there.
    Outputs in training: rpn_cls_prob, rpn_bbox_loss, cls_prob_reshape, bbox_loss_reshape, labels.
    In testing: data, im_info -> rois, cls_prob_reshape, bbox_pred_reshape; class-aware RPN: data ->
    rpn_cls_prob_reshape (N, C*A, h, w), rpn_bbox_pred (N, 4*A, h, w).
    Raises ValueError for an unknown cfg.symbol or an impossible cfg.net.
    """
    chosen = variant(cfg.symbol)
    features = backbone(mx.sym.var("data"), cfg.net, chosen.branch2b)
    if chosen.filters:
        features = beside(features, features, "lsdfn", cfg.net.lsdfn)
    return chosen.head(cfg, features, chosen, is_train)
