# SPDX-License-Identifier: Apache-2.0
"""The heads that judge boxes: R-FCN (Dai et al. 2016, arXiv 1605.06409) and Faster R-CNN, with ordinary or deformable
pooling (Dai et al. 2017, arXiv 1703.06211). Each gives (class scores (R, C), box deltas (R, 4 * K)), K as in
`detection.schema.box_sets`."""

from __future__ import annotations

import mxnet as mx

from detection.schema import box_sets
from detection.symbols.losses import conv, relu
from lib.nets.operators import DeformablePSROIPooling, PSROIPooling

Pair = tuple[mx.sym.Symbol, mx.sym.Symbol]


def rfcn(cfg, features: mx.sym.Symbol, rois: mx.sym.Symbol, moves_bins: bool) -> Pair:
    """Scores and deltas are averages of what the parts of a box see, each in maps of its own."""
    classes, deltas, bins = cfg.dataset.NUM_CLASSES, 4 * box_sets(cfg), cfg.net.bins
    features = relu(conv(features, "conv_new_1", cfg.net.head_channels or 1024), "relu1")
    shared = {
        "rois": rois,
        "group_size": bins,
        "pooled_size": bins,
        "spatial_scale": 1.0 / cfg.network.RCNN_FEAT_STRIDE,
    }
    maps = {"cls": conv(features, "rfcn_cls", bins * bins * classes),
            "bbox": conv(features, "rfcn_bbox", bins * bins * deltas)}  # fmt: skip
    names, sizes = {"cls": "psroipooled_cls_rois", "bbox": "psroipooled_loc_rois"}, {"cls": classes, "bbox": deltas}
    pooled = {}
    for kind in ("cls", "bbox"):
        attributes = {"data": maps[kind], "name": names[kind], "output_dim": sizes[kind], **shared}
        if not moves_bins:
            pooled[kind] = PSROIPooling(**attributes)
            continue
        sets = classes if kind == "cls" else 1  # classes move their parts by their own offsets, boxes share one
        offset_map = conv(features, f"rfcn_{kind}_offset_t", 2 * bins * bins * sets)
        more = {"sample_per_part": 4, "part_size": bins}
        trans = DeformablePSROIPooling(
            data=offset_map, name=f"rfcn_{kind}_offset", no_trans=True, output_dim=2 * sets, **shared, **more
        )
        pooled[kind] = DeformablePSROIPooling(trans=trans, trans_std=cfg.net.trans_std, **attributes, **more)
    scores = _average(pooled["cls"], "ave_cls_scors_rois", bins)
    boxes = _average(pooled["bbox"], "ave_bbox_pred_rois", bins)
    return (mx.sym.Reshape(scores, shape=(-1, classes), name="cls_score"),
            mx.sym.Reshape(boxes, shape=(-1, deltas), name="bbox_pred"))  # fmt: skip


def _average(x: mx.sym.Symbol, name: str, bins: int) -> mx.sym.Symbol:
    return mx.sym.Pooling(x, name=name, pool_type="avg", global_pool=True, kernel=(bins, bins))


def rcnn(cfg, features: mx.sym.Symbol, rois: mx.sym.Symbol, moves_bins: bool) -> Pair:
    """Two fully connected layers on what is pooled from a box."""
    channels, bins = cfg.net.head_channels or 256, cfg.net.bins
    features = relu(conv(features, "conv_new_1", channels), "conv_new_1_relu")
    scale = 1.0 / cfg.network.RCNN_FEAT_STRIDE
    if moves_bins:
        shared = {"data": features, "rois": rois, "group_size": 1, "pooled_size": bins, "sample_per_part": 4,
                  "part_size": bins, "output_dim": channels, "spatial_scale": scale}  # fmt: skip
        still = DeformablePSROIPooling(name="offset_t", no_trans=True, **shared)
        offset = mx.sym.FullyConnected(still, name="offset", num_hidden=2 * bins * bins)
        offset = mx.sym.Reshape(offset, shape=(-1, 2, bins, bins), name="offset_reshape")
        x = DeformablePSROIPooling(name="deformable_roi_pool", trans=offset, trans_std=cfg.net.trans_std, **shared)
    else:
        x = mx.sym.ROIPooling(features, rois, name="roi_pool", pooled_size=(bins, bins), spatial_scale=scale)
    for number in (1, 2):
        x = mx.sym.FullyConnected(x, name=f"fc_new_{number}", num_hidden=cfg.net.fc_channels)
        x = relu(x, f"fc_new_{number}_relu")
    return (mx.sym.FullyConnected(x, name="cls_score", num_hidden=cfg.dataset.NUM_CLASSES),
            mx.sym.FullyConnected(x, name="bbox_pred", num_hidden=4 * box_sets(cfg)))  # fmt: skip
