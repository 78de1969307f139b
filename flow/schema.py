# SPDX-License-Identifier: Apache-2.0
"""Every key a flow configuration may hold, with its type, default and range.

What all systems have stands in lib.config.sections; what is particular to flow in `net`, `network`,
`dataset.generated`, `augment` and the first keys of `TRAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib import config
from lib.config import Ranges, Schema, sections
from lib.config.dynamic_filter import LSDFN

KINDS = ("plain", "lsdfn", "control")
DATASETS = ("shapes", "chairs", "sintel", "kitti")
IMAGE_SETS = ("train", "test", "clean", "final", "training")  # each reader tells which of them it has


@dataclass
class Network(sections.Network):
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [104.805, 110.16, 114.75])  # blue, green, red


@dataclass
class Generated:
    """Flying shapes in FlyingChairs' files, made at dataset_path when they are not there (dataset: shapes)."""

    train: int = 1000
    test: int = 200
    height: int = 96
    width: int = 128
    seed: int = 1


@dataclass
class Dataset(sections.Dataset):
    dataset: str = "shapes"  # of DATASETS
    image_set: str = "train"
    test_image_set: str = "test"
    dataset_path: str = "./data/flying_shapes"
    generated: Generated = field(default_factory=Generated)


@dataclass
class Augment:
    """How pairs are changed, drawn anew each epoch; see `lib.data.flow_changes`. What is 0 does not happen."""

    translation: float = 0.0  # of both pictures, up to this share of a side
    rotation: float = 0.0  # of both, up to so many degrees
    scale: list[float] = field(default_factory=lambda: [1.0, 1.0])  # of both, between these factors
    second_translation: float = 0.0  # of the second picture alone, on top, as above
    second_rotation: float = 0.0
    flip_x: bool = False  # every other pair is mirrored
    flip_y: bool = False
    brightness: float = 0.0  # standard deviation, of grey levels from 0 to 1
    contrast: float = 0.0  # factor between 1 - this and 1 + this
    colour: float = 0.0  # factor of each channel, between 1 - this and 1 + this
    gamma: list[float] = field(default_factory=lambda: [1.0, 1.0])  # exponent between these
    noise: float = 0.0  # of each pixel, standard deviation up to this


@dataclass
class Train(sections.Train):
    model_prefix: str = "flow"
    optimizer: str = "adam"
    wd: float = 0.0004
    FLIP: bool = False  # true is not implemented: augment.flip_x draws anew each epoch
    CROP: list[int] = field(default_factory=list)  # height, width of what is trained on; [] = the whole picture


@dataclass
class Net:
    """Shape of the network and the pixels that it takes."""

    width: int = 64  # channels of conv1; 64 is the paper's network
    biases: bool = False  # of the predictions and transposed convolutions: the Caffe networks have them
    kind: str = "plain"  # what stands beside conv3_1: plain nothing; lsdfn; control, as many parameters without LS-DFN
    lsdfn: LSDFN = field(default_factory=lambda: LSDFN(samples=7, sample_stride=2))
    max_displacement: int = 20  # flownet_c: of the correlation, in pixels of conv3's map, 8 of the picture's each
    displacement_stride: int = 2
    loss_weights: list[float] = field(default_factory=lambda: [0.005, 0.01, 0.02, 0.08, 0.32])  # of levels 2 to 6
    pixel_stds: list[float] = field(default_factory=lambda: [255.0, 255.0, 255.0])  # blue, green, red
    pixel_order: str = "RGB"  # channels as the first convolution expects them: RGB or BGR


@dataclass
class Config(sections.Common):
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    augment: Augment = field(default_factory=Augment)
    TRAIN: Train = field(default_factory=Train)
    TEST: sections.Test = field(default_factory=lambda: sections.Test(BATCH_IMAGES=8))
    net: Net = field(default_factory=Net)


_NOT_BELOW_0 = ("translation", "rotation", "second_translation", "second_rotation", "brightness", "contrast", "colour",
                "noise")  # fmt: skip
RANGES = Ranges(
    choices={
        "dataset.dataset": DATASETS,
        "dataset.image_set": IMAGE_SETS,
        "dataset.test_image_set": IMAGE_SETS,
        "TRAIN.FLIP": (False,),
        "net.kind": KINDS,
        "net.pixel_order": ("RGB", "BGR"),
        **LSDFN.CHOICES,
    },
    why={"TRAIN.FLIP": "augment.flip_x mirrors at random"},
    at_least={
        "dataset.generated.train": 1, "dataset.generated.test": 1, "dataset.generated.seed": 0,
        "dataset.generated.height": 32, "dataset.generated.width": 32, "network.pretrained_epoch": 0, "net.width": 1,
        "net.max_displacement": 0, "net.displacement_stride": 1, **{f"augment.{key}": 0 for key in _NOT_BELOW_0},
        **LSDFN.AT_LEAST, "net.lsdfn.post": 1,
    },
    paths=("network.pretrained",),
)  # fmt: skip


def _wrong(cfg: Config):
    yield from sections.unfit_pixels(cfg)
    if len(cfg.net.loss_weights) != 5 or min(cfg.net.loss_weights) < 0 or not any(cfg.net.loss_weights):
        yield f"net.loss_weights: expected 5 numbers from 0 on, of levels 2 to 6, not all 0, got {cfg.net.loss_weights}"
    if cfg.TRAIN.CROP and not (len(cfg.TRAIN.CROP) == 2 and min(cfg.TRAIN.CROP) >= 1):
        yield f"TRAIN.CROP: expected height and width in pixels, or [], got {cfg.TRAIN.CROP}"
    for key in ("scale", "gamma"):
        between = getattr(cfg.augment, key)
        if not (len(between) == 2 and 0 < between[0] <= between[1]):
            yield f"augment.{key}: expected two factors, 0 < low <= high, got {between}"
    for key in ("contrast", "colour", "translation", "second_translation"):  # a whole side leaves nothing of a picture
        if not getattr(cfg.augment, key) < 1:
            yield f"augment.{key}: expected less than 1, got {getattr(cfg.augment, key)}"
    for key in ("rotation", "second_rotation"):
        if not getattr(cfg.augment, key) <= 180:
            yield f"augment.{key}: expected at most 180 degrees, got {getattr(cfg.augment, key)}"


SCHEMA = Schema(Config, RANGES, _wrong)


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The configuration of a YAML file, see `lib.config.load`."""
    return config.load(SCHEMA, path, overrides)
