# SPDX-License-Identifier: Apache-2.0
"""Small detection networks and batches for them."""

from __future__ import annotations

import logging

import numpy as np

from detection.batches import Batches
from detection.schema import Config, load
from detection.task import training
from lib.commands.training import train
from lib.data.boxes import BoxData, BoxRecord, objects
from lib.data.streets.boxes import BoxSettings, generate_boxes
from lib.engines import open_engine
from lib.run import folder
from lib.run.metrics import read_metrics
from lib.system import find_config

LOG = logging.getLogger("test")
SMALL = ["SCALES=[64,96]", "net.width=4", "net.head_channels=8", "net.rpn_channels=8", "net.bins=3",
         "TRAIN.BATCH_IMAGES=2", "TRAIN.end_epoch=2", "TRAIN.lr_step='1'", "TRAIN.lr=0.02", "TRAIN.warmup=false",
         "TRAIN.RPN_POST_NMS_TOP_N=12", "TRAIN.BATCH_ROIS_OHEM=8", "default.frequent=1"]  # fmt: skip

NAMES = ["rpn", "rpn_acn", "rpn_dcn", "rpn_modulated", *(f"{head}{kind}" for head in ("rfcn", "rcnn") for kind in
         ("", "_conv", "_pool", "_dcn", "_modulated")), "rfcn_lsdfn"]  # fmt: skip

WITHOUT_OHEM = ["symbol=resnet_v1_101_rcnn_dcn", "CLASS_AGNOSTIC=false", "TRAIN.ENABLE_OHEM=false",
                "TRAIN.BATCH_ROIS=16", "net.fc_channels=16"]  # fmt: skip
FILTERS = {"num_filter": 4, "channels": 6, "hidden": 8, "samples": 3}
WITH_FILTERS = ["symbol=resnet_v1_101_rfcn_lsdfn", *(f"net.lsdfn.{key}={value}" for key, value in FILTERS.items())]
TRAININGS = {"rpn": ("rpn", []), "rfcn": ("rfcn", []), "rcnn": ("rfcn", WITHOUT_OHEM), "lsdfn": ("rfcn", WITH_FILTERS)}
"""{kind: (the quick configuration, settings laid over it)}"""


def small(name: str) -> Config:
    """ResNet-10 with few filters and 4 anchors, on pictures of 64 x 96; two of them per batch."""
    cfg = Config()
    cfg.symbol, cfg.SCALES = f"resnet_v1_101_{name}", [[64, 96]]
    cfg.network.FIXED_PARAMS, cfg.network.RPN_FEAT_STRIDE, cfg.network.RCNN_FEAT_STRIDE = [], 8, 8
    cfg.network.ANCHOR_SCALES, cfg.network.ANCHOR_RATIOS, cfg.network.NUM_ANCHORS = [1.5, 3], [0.5, 1], 4
    cfg.dataset.NUM_CLASSES, cfg.TRAIN.BATCH_IMAGES, cfg.TEST.BATCH_IMAGES = 4, 2, 2
    cfg.net.depth, cfg.net.width, cfg.net.output_stride, cfg.net.train_bn = 10, 4, 8, True
    cfg.net.rpn_channels, cfg.net.head_channels, cfg.net.fc_channels, cfg.net.head_init = 8, 8, 16, "msra"
    cfg.net.bins = 3
    for key, value in FILTERS.items():
        setattr(cfg.net.lsdfn, key, value)
    cfg.TRAIN.RPN_POSITIVE_OVERLAP, cfg.TRAIN.SHUFFLE, cfg.TRAIN.ASPECT_GROUPING = 0.5, False, False
    for section in (cfg.TRAIN, cfg.TEST):
        section.RPN_POST_NMS_TOP_N, section.RPN_MIN_SIZE = 12, 4
    if name.startswith("rcnn"):
        cfg.CLASS_AGNOSTIC, cfg.TRAIN.BATCH_ROIS = False, 16
    else:
        cfg.TRAIN.BATCH_ROIS, cfg.TRAIN.ENABLE_OHEM, cfg.TRAIN.BATCH_ROIS_OHEM = -1, True, 14
    return cfg


class Drawn(BoxData):
    """Pictures of noise, the second one higher than wide, with an object or two."""

    def __init__(self, count: int = 2):
        super().__init__("noise", ("__background__", "a", "b", "c"))
        sizes = [(64, 96), (96, 64)]
        for number in range(count):
            rows = [((8 + number, 10, 40, 41), 1 + number % 3, False), ((30, 30, 52, 60), 3, False)]
            self.records.append(BoxRecord(None, str(number), sizes[number % 2], objects(rows[: 1 + number % 2])))

    def image(self, record):
        return np.random.default_rng(int(record.name)).integers(0, 256, (*record.size, 3)).astype(np.uint8)


def batch_of(cfg, data: BoxData | None = None, epoch: int = 0) -> dict[str, np.ndarray]:
    """The first batch of an epoch."""
    batches = Batches(data or Drawn(), cfg, seed=1, batch=cfg.TRAIN.BATCH_IMAGES)
    return next(iter(batches.epoch(epoch)))


def config_in(name: str, place, *overrides: str) -> Config:
    """quick_<name> made small, on streets of 64 x 96 in place/streets, which are made."""
    streets = place / "streets"
    generate_boxes(streets, BoxSettings(train=3, val=2, height=64, width=96, seed=3))
    own = [f"dataset.dataset_path={streets}", f"output_path={place}/out"]
    return load(find_config(f"quick_{name}"), [*SMALL, *own, *overrides])


def train_small(name: str, place, *overrides: str, begin: int = 0, log=LOG) -> list[dict]:
    """Trains it and gives the lines of metrics.jsonl."""
    cfg = config_in(name, place, *overrides)
    folder.prefix(cfg).parent.mkdir(parents=True, exist_ok=True)
    with open_engine(cfg, training=True) as engine:
        train(cfg, training(cfg, engine.place), engine, begin, {"config": {}}, log)
    return read_metrics(folder.prefix(cfg).parent / "metrics.jsonl")


def losses(lines: list[dict]) -> list[float]:
    return [line["loss"] for line in lines if line["event"] == "update"]
