# SPDX-License-Identifier: Apache-2.0
"""Detection's training as the loop takes it: network, batches, what is measured, and where the parameters begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detection import anchors
from detection.batches import Batches
from detection.copies import copies
from detection.data import load_dataset
from detection.graphs import graph
from detection.rules import rules_of
from detection.schema import from_file, two_stage
from lib.looking.layers import looking_layers, offset_parameters
from lib.run.task import Network, Place, Task
from lib.weights.pretrained import begin_backbone

ADVICE = "Try a smaller TRAIN.lr, or TRAIN.warmup=true with a small TRAIN.warmup_lr; for offsets net.offset_lr_mult."
LOSSES = ("RPNLogLoss", "RPNL1Loss", "RCNNLogLoss", "RCNNL1Loss")


def training(cfg, place: Place) -> Task:
    """The training of a configuration, as worker place.rank sees it. Losses are means over what counts in the pictures
    of each device; devices are summed."""
    data = load_dataset(cfg, cfg.dataset.image_set)
    batch = cfg.TRAIN.BATCH_IMAGES * place.replicas
    batches = Batches(data, cfg, cfg.run.seed, batch, (place.rank, place.workers))
    network = train_network(cfg)
    return Task(
        network=network,
        images=batches.images,
        batch=batch,
        iter_size=cfg.run.iter_size,
        batches=batches.epoch,
        measure=measure,
        losses=LOSSES[2:] if from_file(cfg) else LOSSES if two_stage(cfg) else LOSSES[:2],
        saved_graph=network.graph,
        offsets=tuple(offset_parameters(looking_layers(network.graph))),
        begin=lambda engine, log: begin_backbone(cfg, engine, log),
        copies=lambda arg: copies(cfg, arg),
        offset_bound=cfg.net.offset_bound,
        source=str(Path(__file__).parent / "symbols" / f"{cfg.symbol}.py"),
        advice=ADVICE,
    )


def train_network(cfg) -> Network:
    """The network as it is trained on one device."""
    count, size = cfg.TRAIN.BATCH_IMAGES, tuple(cfg.SCALES[0])
    height, width = anchors.map_size(cfg, *size)
    number = cfg.network.NUM_ANCHORS
    inputs = {"data": (count, 3, *size)}
    if from_file(cfg):
        inputs["proposals"] = (count, cfg.TRAIN.RPN_POST_NMS_TOP_N, 5)
    else:
        inputs["label"] = (count, number * height * width)
        inputs.update({name: (count, 4 * number, height, width) for name in ("bbox_target", "bbox_weight")})
    if two_stage(cfg):
        inputs.update({} if from_file(cfg) else {"im_info": (count, 3)}, gt_boxes=(count, 8, 5))
        if cfg.TRAIN.BATCH_ROIS > 0:
            inputs["draw"] = (count,)
    text = graph(cfg, "train")
    return Network(text, inputs, rules_of(cfg, text), cfg.run.seed)


def test_network(cfg) -> Network:
    """The network as it predicts."""
    text = graph(cfg, "test")
    inputs = {"data": (1, 3, *cfg.SCALES[0])}
    if from_file(cfg):
        inputs["proposals"] = (1, cfg.TEST.RPN_POST_NMS_TOP_N, 5)
    elif two_stage(cfg):
        inputs["im_info"] = (1, 3)
    return Network(text, inputs, rules_of(cfg, text))


def measure(outputs, batch) -> dict[str, tuple[float, float]]:
    """The original's six numbers of one device's pictures, each as (sum, count); three of them where nothing proposes,
    and of a class-aware RPN.

    Accuracies and losses of classes are means over what has a label; a loss of boxes is its sum over their number.
    """
    found: dict[str, tuple[float, float]] = {}
    if "rpn_cls_prob_output" in outputs:
        probability = outputs["rpn_cls_prob_output"]
        found = _classes("RPN", probability.reshape(*probability.shape[:2], -1), batch["label"])
        found["RPNL1Loss"] = (float(outputs["rpn_bbox_loss_output"].sum()), found["RPNAcc"][1])
    if "cls_prob_reshape_output" in outputs:
        own = outputs["rcnn_label_output"]
        found.update(_classes("RCNN", outputs["cls_prob_reshape_output"].transpose(0, 2, 1), own))
        found["RCNNL1Loss"] = (float(outputs["bbox_loss_reshape_output"].sum()), found["RCNNAcc"][1])
    return {name: found[name] for name in sorted(found, key=_ORDER.index)}


_ORDER = ["RPNAcc", "RPNLogLoss", "RPNL1Loss", "RCNNAcc", "RCNNLogLoss", "RCNNL1Loss"]


def _classes(name: str, probability: np.ndarray, label: np.ndarray) -> dict[str, tuple[float, float]]:
    """probability: (N, C, M). label: (N, M), -1 where nothing counts."""
    counts = label != -1
    own = np.where(counts, label, 0).astype(np.int64)
    chosen = np.take_along_axis(probability, own[:, None], axis=1)[:, 0][counts].astype(np.float64)
    right = (probability.argmax(axis=1) == own)[counts]
    number, loss = float(counts.sum()), float(-np.log(chosen + 1e-14).sum())
    return {f"{name}Acc": (float(right.sum()), number), f"{name}LogLoss": (loss, number)}
