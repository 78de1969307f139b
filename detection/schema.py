# SPDX-License-Identifier: Apache-2.0
"""Every key a detection configuration may hold, with its type, default and range.

The sections `default`, `network`, `dataset`, `TRAIN` and `TEST` and the keys beside them are those of
Deformable-ConvNets' rfcn and faster_rcnn, with their defaults, so that its YAML files load unchanged. What this project
adds stands in `net` (the network's shape), `dataset.streets` and in what lib.config.sections names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib import config
from lib.config import Ranges, Schema, sections
from lib.config.dynamic_filter import LSDFN


def _four(*values: float):
    return field(default_factory=lambda: list(values))


@dataclass
class Network:
    pretrained: str = ""  # prefix of a checkpoint; '' trains from scratch
    pretrained_epoch: int = 0
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [103.06, 115.90, 123.15])  # blue, green, red
    IMAGE_STRIDE: int = 0  # pictures are padded below and on the right to a multiple of it; 0 = as they are
    # An argument whose name contains one of these words is not trained.
    FIXED_PARAMS: list[str] = field(default_factory=lambda: ["conv1", "bn_conv1", "res2", "bn2", "gamma", "beta"])
    FIXED_PARAMS_SHARED: list[str] = field(default_factory=list)  # of alternate training, which is not served
    RPN_FEAT_STRIDE: int = 16  # image pixels per cell of the map from which boxes are proposed
    RCNN_FEAT_STRIDE: int = 16  # and of that from which they are pooled
    ANCHOR_SCALES: list[float] = field(default_factory=lambda: [8.0, 16.0, 32.0])  # side of an anchor, in cells
    ANCHOR_RATIOS: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])  # height over width
    NUM_ANCHORS: int = 9


@dataclass
class Streets:
    """A generated data set (docs/detection.md) of the size SCALES says, made at dataset_path where it is not there."""

    train: int = 0  # pictures; 0 = dataset_path holds a data set, nothing is made
    val: int = 0
    seed: int = 1
    decoys: bool = False  # each mast carries a second flag, which says nothing


@dataclass
class Dataset(sections.Dataset):
    dataset: str = "PascalVOC"  # PascalVOC or coco, in any case
    image_set: str = "2007_trainval"
    test_image_set: str = "2007_test"
    dataset_path: str = "./data/VOCdevkit"
    NUM_CLASSES: int = 21  # the background counts
    proposal: str = "rpn"  # the network proposes; or a file of boxes, see detection.proposals
    class_names: list[str] = field(default_factory=list)  # PascalVOC: of another data set in its format
    streets: Streets = field(default_factory=Streets)


@dataclass
class Train(sections.Train):
    model_prefix: str = "detection"
    ENABLE_OHEM: bool = False
    END2END: bool = True
    ASPECT_GROUPING: bool = True  # no batch mixes pictures that are wider than high with others
    BATCH_ROIS: int = 128  # proposals per picture from which the head learns; -1 = all
    BATCH_ROIS_OHEM: int = 128
    FG_FRACTION: float = 0.25
    FG_THRESH: float = 0.5
    BG_THRESH_HI: float = 0.5
    BG_THRESH_LO: float = 0.0
    BBOX_REGRESSION_THRESH: float = 0.5  # set in the original's YAML; read only in alternate training
    BBOX_WEIGHTS: list[float] = _four(1.0, 1.0, 1.0, 1.0)
    RPN_BATCH_SIZE: int = 256  # anchors per picture that count; 0 = all
    RPN_FG_FRACTION: float = 0.5
    RPN_POSITIVE_OVERLAP: float = 0.7
    RPN_NEGATIVE_OVERLAP: float = 0.3
    RPN_CLOBBER_POSITIVES: bool = False
    RPN_BBOX_WEIGHTS: list[float] = _four(1.0, 1.0, 1.0, 1.0)
    RPN_POSITIVE_WEIGHT: float = -1.0
    CXX_PROPOSAL: bool = False  # both values mean the one operator here
    RPN_NMS_THRESH: float = 0.7
    RPN_PRE_NMS_TOP_N: int = 6000
    RPN_POST_NMS_TOP_N: int = 300
    RPN_MIN_SIZE: int = 0
    BBOX_NORMALIZATION_PRECOMPUTED: bool = True
    BBOX_MEANS: list[float] = _four(0.0, 0.0, 0.0, 0.0)
    BBOX_STDS: list[float] = _four(0.1, 0.1, 0.2, 0.2)


@dataclass
class Test(sections.Test):
    HAS_RPN: bool = True
    CXX_PROPOSAL: bool = False
    RPN_NMS_THRESH: float = 0.7
    RPN_PRE_NMS_TOP_N: int = 6000
    RPN_POST_NMS_TOP_N: int = 300
    RPN_MIN_SIZE: int = 0
    PROPOSAL_NMS_THRESH: float = 0.7  # PROPOSAL_*: of alternate training, read by nothing
    PROPOSAL_PRE_NMS_TOP_N: int = 20000
    PROPOSAL_POST_NMS_TOP_N: int = 2000
    PROPOSAL_MIN_SIZE: int = 0
    NMS: float = 0.3
    max_per_image: int = 300
    thresh: float = 0.001  # boxes with a lower score are no detections


@dataclass
class Net(sections.Looking, sections.Backbone):
    """Shape of the network: its backbone, its heads, and how the last stage looks."""

    offset_dilate: int = 2
    num_deformable_group: int = 4
    rpn_channels: int = 512  # of the 3x3 convolution before the proposal heads; class-aware RPN: 0 = none
    head_channels: int = 0  # of conv_new_1; 0: 1024 (RPN, R-FCN) or 256 (Faster R-CNN)
    fc_channels: int = 1024  # Faster R-CNN's two layers
    bins: int = 7  # parts of a pooled box, in y and in x
    trans_std: float = 0.1  # how far a part moves, in sizes of the box, per unit of its offset
    bins_lr_mult: float = 1.0  # factor on the learning rate of what moves the parts
    head_init: str = "normal"  # of what is new: normal (0.01, on a pretrained backbone) or msra (from scratch)
    lsdfn: LSDFN = field(default_factory=lambda: LSDFN(post=0))


@dataclass
class Config(sections.Common):
    CLASS_AGNOSTIC: bool = True  # one set of box deltas for all classes
    SCALES: list[list[int]] = field(default_factory=lambda: [[600, 1000]])  # see lib.data.images.scaled_size
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: Test = field(default_factory=Test)
    net: Net = field(default_factory=Net)


RANGES = Ranges(
    choices={
        "TRAIN.END2END": (True,),
        "TRAIN.RPN_POSITIVE_WEIGHT": (-1.0,),
        "TRAIN.BBOX_NORMALIZATION_PRECOMPUTED": (True,),
        "TEST.HAS_RPN": (True,),
        "net.head_init": ("normal", "msra"),
        **LSDFN.CHOICES,
        **sections.NET_RANGES["choices"],
    },
    why={
        "TRAIN.END2END": "alternate training is not served",
        "TRAIN.RPN_POSITIVE_WEIGHT": "the original reads no other",
        "TRAIN.BBOX_NORMALIZATION_PRECOMPUTED": "means and stds are those of the configuration",
        "TEST.HAS_RPN": "dataset.proposal says where proposals come from",
    },
    at_least={
        "network.pretrained_epoch": 0, "network.IMAGE_STRIDE": 0, "network.RPN_FEAT_STRIDE": 1,
        "network.RCNN_FEAT_STRIDE": 1, "TRAIN.BATCH_ROIS": -1, "TRAIN.BATCH_ROIS_OHEM": 1, "TRAIN.RPN_BATCH_SIZE": 0,
        "TRAIN.RPN_PRE_NMS_TOP_N": 1, "TRAIN.RPN_POST_NMS_TOP_N": 1, "TRAIN.RPN_MIN_SIZE": 0,
        "TEST.RPN_PRE_NMS_TOP_N": 1, "TEST.RPN_POST_NMS_TOP_N": 1, "TEST.RPN_MIN_SIZE": 0, "TEST.max_per_image": 1,
        "net.rpn_channels": 0, "net.head_channels": 0, "net.fc_channels": 1, "net.bins": 1, "net.trans_std": 0,
        "net.bins_lr_mult": 0,
        **LSDFN.AT_LEAST,
        "dataset.streets.train": 0, "dataset.streets.val": 0, "dataset.streets.seed": 0,
        **sections.NET_RANGES["at_least"],
    },
    paths=("network.pretrained",),
)  # fmt: skip

_PARTS = ("TRAIN.FG_FRACTION", "TRAIN.FG_THRESH", "TRAIN.BG_THRESH_HI", "TRAIN.BG_THRESH_LO", "TRAIN.RPN_FG_FRACTION",
          "TRAIN.RPN_POSITIVE_OVERLAP", "TRAIN.RPN_NEGATIVE_OVERLAP", "TRAIN.RPN_NMS_THRESH", "TEST.RPN_NMS_THRESH",
          "TEST.NMS", "TEST.thresh", "net.trans_std")  # fmt: skip


def _wrong(cfg: Config):
    yield from sections.unfit_pixels(cfg)
    network, train = cfg.network, cfg.TRAIN
    count = len(network.ANCHOR_SCALES) * len(network.ANCHOR_RATIOS)
    if network.NUM_ANCHORS != count:
        yield f"network.NUM_ANCHORS: ANCHOR_SCALES x ANCHOR_RATIOS make {count}, got {network.NUM_ANCHORS}"
    if not all(each > 0 for each in (*network.ANCHOR_SCALES, *network.ANCHOR_RATIOS)):
        yield "network.ANCHOR_SCALES, ANCHOR_RATIOS: expected numbers above 0"
    yield from _unfit_strides(cfg)
    names = [each.strip().lower() for each in cfg.dataset.class_names]  # as annotations are read
    if "" in names or len(set(names)) < len(names):
        yield f"dataset.class_names: expected different names, in any case, got {cfg.dataset.class_names}"
    for key in ("BBOX_WEIGHTS", "RPN_BBOX_WEIGHTS", "BBOX_MEANS", "BBOX_STDS"):
        if len(getattr(train, key)) != 4:
            yield f"TRAIN.{key}: expected 4 numbers (x, y, width, height), got {getattr(train, key)}"
    if not all(each > 0 for each in train.BBOX_STDS):
        yield f"TRAIN.BBOX_STDS: expected numbers above 0, got {train.BBOX_STDS}"
    if train.BATCH_ROIS == 0:
        yield "TRAIN.BATCH_ROIS: expected a number of proposals, or -1 for all, got 0"
    if cfg.dataset.proposal != "rpn":
        if not cfg.dataset.proposal.endswith(".npz"):
            yield f"dataset.proposal: expected rpn, or a file FILE.npz of boxes, got {cfg.dataset.proposal!r}"
        elif not two_stage(cfg):
            yield f"dataset.proposal: {cfg.symbol} judges no proposals; expected rpn, got {cfg.dataset.proposal!r}"
    for key in _PARTS:
        section, name = key.split(".")
        value = getattr(getattr(cfg, section), name)
        if not 0 <= value <= 1:
            yield f"{key}: expected 0 to 1, got {value}"


def two_stage(cfg: Config) -> bool:
    """Whether boxes are proposed and then judged (R-FCN, Faster R-CNN), or found at once (class-aware RPN)."""
    return "_rpn" not in cfg.symbol


def from_file(cfg: Config) -> bool:
    """Whether the boxes that are judged come from a file; such a network has no part that proposes."""
    return cfg.dataset.proposal != "rpn"


def box_sets(cfg: Config) -> int:
    """How many sets of deltas a head that judges boxes gives."""
    return 2 if cfg.CLASS_AGNOSTIC else cfg.dataset.NUM_CLASSES


def map_strides(cfg: Config) -> tuple[int, int]:
    """Image pixels per cell of the maps (from which boxes are proposed, from which they are judged)."""
    last = cfg.net.output_stride
    return (min(last, 16) if two_stage(cfg) else last), last


def _unfit_strides(cfg: Config):
    for key, stride in zip(("RPN_FEAT_STRIDE", "RCNN_FEAT_STRIDE"), map_strides(cfg)):
        given = getattr(cfg.network, key)
        if given != stride and (key == "RPN_FEAT_STRIDE" or two_stage(cfg)):
            yield f"network.{key}: the map of this network has a cell every {stride} pixels, got {given}"


SCHEMA = Schema(Config, RANGES, _wrong)


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The configuration of a YAML file, see `lib.config.load`."""
    return config.load(SCHEMA, path, overrides)
