# SPDX-License-Identifier: Apache-2.0
"""Every key a tracker's configuration may hold, with its type, default and range.

What all systems have stands in lib.config.sections. Defaults of `net` are Siamese RPN's, where the original code
(songdejia/Siamese-RPN-pytorch, code_v1.0) differs its number is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib import config
from lib.config import Ranges, Schema, sections
from lib.run.initial import unfit
from tracking.anchors import features_side
from tracking.modules import NETWORKS

DATASETS = ("films", "vot", "otb")
LEAST = 3  # cells along a template: they become filters by way of a 3x3 convolution
MOST_SCALE = 2.0  # of TRAIN.SCALE: a target that is seven times as large or as small is hardly one


@dataclass
class Network(sections.Network):
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [127.5, 127.5, 127.5])  # blue, green, red


@dataclass
class Generated:
    """Drawn films, made at dataset_path when they are not there (dataset: films)."""

    train: int = 36
    val: int = 18
    frames: int = 40
    height: int = 128
    width: int = 160
    seed: int = 1


@dataclass
class Dataset(sections.Dataset):
    dataset: str = "films"  # films, vot or otb
    image_set: str = "train"  # films: train, val; vot: a file of names, 'list' is list.txt; otb: all
    test_image_set: str = "val"
    dataset_path: str = "./data/films"
    generated: Generated = field(default_factory=Generated)


@dataclass
class Train(sections.Train):
    model_prefix: str = "tracker"
    FLIP: bool = False  # true is not implemented: MIRROR draws anew each epoch
    MIRROR: bool = True  # each pair is mirrored or not
    PAIRS: int = 1000  # of an epoch
    MAX_GAP: int = 80  # frames between template and search picture; shorter in a sequence that is shorter, there alone
    # What the search picture is cut out around: the target in its own frame (target), or the template's place and size,
    # as the original does (template).
    AROUND: str = "target"
    SHIFT: float = 32.0  # the search picture is moved by so many of its pixels at most in y and x; the original: 0
    SCALE: float = 0.18  # its side is changed by a factor of at most e to this; the original: 0


@dataclass
class Test(sections.Test):
    """How a trained network follows; see tracking.tracker.Rule. What is measured; see lib.metrics."""

    SEARCH: int = 271
    SMALL_SEARCH: int = 287
    SMALL_SHARE: float = 0.004
    PENALTY: float = 0.055
    WINDOW: float = 0.42
    RATE: float = 0.295
    MIN_SIDE: float = 10.0
    SKIP: int = 5  # frames between a failure and the next start
    BURN_IN: int = 10  # frames from a start on that do not count for the accuracy
    EAO: list[int] = field(default_factory=lambda: [108, 371])  # lengths that the expected overlap is averaged over


@dataclass
class Net(sections.Looking):
    """The network and its anchors."""

    depth: int = 18  # siamese_resnet: 10, 18, 34, 50 or 101
    width: int = 64  # filters of the first convolution; all others follow
    deform: str = ""  # see lib.modules.deforming: '', existing, extra, or plain, the control of extra
    crop: int = 5  # siamese_resnet: cells that are cut off on every side
    dilate_stages: bool = False  # siamese_resnet: stages that no longer halve the map look farther instead
    channels: int = 256  # of the maps that are compared
    unused: bool = False  # the original's two convolutions that nothing reads
    response: float = 1.0  # factor on what the comparison of the maps gives
    init: str = "msra"  # of all other weights but those of offsets: msra, xavier, normal, or uniform, see rules.py
    kernel_init: str = "normal(0.001)"  # of what makes filters of a template: large ones begin with a large loss
    extra_init: str = "msra"  # of extra convolutions, ordinary and deformable, which no normalisation follows
    pixel_stds: list[float] = field(default_factory=lambda: [127.5, 127.5, 127.5])  # blue, green, red
    pixel_order: str = "RGB"
    template: int = 127  # sides, in pixels
    search: int = 255  # the original: 256, which shows 0.8 % too much
    anchor_side: float = 64.0  # of the square anchor
    anchor_ratios: list[float] = field(default_factory=lambda: [1 / 3, 1 / 2, 1.0, 2.0, 3.0])  # height over width
    anchor_stride: float = 8.0  # the original: 15
    anchor_first: float = -1.0  # middle of the first anchors; -1: the template's, (template - 1) / 2; the original: 7
    positive: float = 0.6  # see lib.boxes.template.PairRule; the original: 0.5, 0.1 and best 30
    negative: float = 0.3
    best: int = 0
    anchors_counted: int = 64  # of a pair
    anchors_positive: int = 16  # of them, at most
    box_weight: float = 1.0  # factor on the loss of boxes


@dataclass
class Config(sections.Common):
    engine: str = "torch"  # these networks are torch modules
    symbol: str = "siamese_resnet"
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: Test = field(default_factory=Test)
    net: Net = field(default_factory=Net)


RANGES = Ranges(
    choices={
        "engine": ("torch",),
        "symbol": tuple(NETWORKS),
        "dataset.dataset": DATASETS,
        "TRAIN.FLIP": (False,),
        "TRAIN.AROUND": ("target", "template"),
        "net.depth": (10, 18, 34, 50, 101),
        "net.deform": ("", "existing", "extra", "plain"),
        "net.pixel_order": ("RGB", "BGR"),
        "net.init": ("msra", "xavier", "uniform", "normal"),
        "net.boundary": ("", "inside", "zero", "border"),
    },
    why={"engine": "the networks of tracking are torch modules", "TRAIN.FLIP": "TRAIN.MIRROR mirrors at random"},
    at_least={
        "dataset.generated.train": 1, "dataset.generated.val": 1, "dataset.generated.frames": 2,
        "dataset.generated.height": 96, "dataset.generated.width": 96, "dataset.generated.seed": 0,
        "network.pretrained_epoch": 0, "TRAIN.PAIRS": 1, "TRAIN.MAX_GAP": 1, "TRAIN.SHIFT": 0, "TRAIN.SCALE": 0,
        "TEST.SEARCH": 16, "TEST.SMALL_SEARCH": 16, "TEST.SMALL_SHARE": 0, "TEST.PENALTY": 0, "TEST.WINDOW": 0,
        "TEST.RATE": 0, "TEST.MIN_SIDE": 1, "TEST.SKIP": 1, "TEST.BURN_IN": 0, "net.width": 1, "net.crop": 0,
        "net.channels": 1, "net.template": 16, "net.search": 16, "net.anchor_side": 1, "net.anchor_stride": 1,
        "net.anchor_first": -1, "net.positive": 0, "net.negative": 0, "net.best": 0, "net.anchors_counted": 1,
        "net.anchors_positive": 1, "net.box_weight": 0, "net.response": 0, "net.offset_lr_mult": 0,
    },
    paths=("network.pretrained",),
)  # fmt: skip


def _wrong(cfg: Config):
    yield from sections.unfit_pixels(cfg)
    net, train, test = cfg.net, cfg.TRAIN, cfg.TEST
    for key in ("kernel_init", "extra_init"):
        if told := unfit(getattr(net, key)):
            yield f"net.{key}: {told}"
    if cfg.symbol == "siamese_alexnet" and net.deform not in ("", "existing"):
        yield f"net.deform: siamese_alexnet has the forms '' and existing, got {net.deform!r}"
    if cfg.symbol in NETWORKS and features_side(cfg, net.template) < LEAST:
        yield f"net.template: {net.template} pixels leave {features_side(cfg, net.template)} cells, {LEAST} are needed"
    for key, side in (
        ("net.search", net.search),
        ("TEST.SEARCH", test.SEARCH),
        ("TEST.SMALL_SEARCH", test.SMALL_SEARCH),
    ):
        if side < net.template:
            yield f"{key}: expected at least net.template, {net.template}, got {side}"
    if not train.SHIFT < net.search / 2:
        yield (f"TRAIN.SHIFT: expected less than half of net.search, {net.search}, so that the target is in the search "
               f"picture, got {train.SHIFT}")  # fmt: skip
    if train.SCALE > MOST_SCALE:
        yield f"TRAIN.SCALE: expected at most {MOST_SCALE}, a factor of e to this, got {train.SCALE}"
    if net.anchor_side > net.search:
        yield f"net.anchor_side: expected at most net.search, {net.search}, got {net.anchor_side}"
    if -1 < net.anchor_first < 0:
        yield f"net.anchor_first: expected -1 or a number from 0 on, got {net.anchor_first}"
    if not net.anchor_ratios or min(net.anchor_ratios) <= 0:
        yield f"net.anchor_ratios: expected numbers above 0, got {net.anchor_ratios}"
    if not net.negative <= net.positive <= 1:
        yield f"net.positive: expected net.negative <= it <= 1, got {net.negative} and {net.positive}"
    if net.anchors_positive > net.anchors_counted:
        yield f"net.anchors_positive: {net.anchors_positive} of net.anchors_counted, {net.anchors_counted}"
    if len(test.EAO) != 2 or not 1 <= test.EAO[0] <= test.EAO[1]:
        yield f"TEST.EAO: expected two lengths, 1 <= low <= high, got {test.EAO}"
    if test.WINDOW > 1 or test.RATE > 1:
        yield f"TEST.WINDOW, TEST.RATE: expected numbers from 0 to 1, got {test.WINDOW} and {test.RATE}"


SCHEMA = Schema(Config, RANGES, _wrong)


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The configuration of a YAML file, see `lib.config.load`."""
    return config.load(SCHEMA, path, overrides)
