# SPDX-License-Identifier: Apache-2.0
"""Every key a DeepLab configuration may hold, with its type, default and range.

The sections `default`, `network`, `dataset`, `TRAIN` and `TEST` and the keys beside them are those of
Deformable-ConvNets' deeplab, with its defaults, so that its YAML files load unchanged. What this project adds stands
in `net` (the network's shape), `faults`, `dataset.streets` and in what lib.config.sections names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib import config
from lib.config import Ranges, Schema, sections
from lib.config.crf import Crf
from lib.config.dynamic_filter import LSDFN
from lib.config.multi_scale import unfit_scales
from lib.config.v3_plus import FORMS, STARTS, V3Plus, unfit_v3_plus


@dataclass
class Network:
    pretrained: str = "../model/pretrained_model/resnet_v1-101"  # prefix of a checkpoint; '' trains from scratch
    pretrained_epoch: int = 0
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [103.06, 115.90, 123.15])  # blue, green, red
    IMAGE_STRIDE: int = 0  # 0 = images as they are; padding to a multiple is not implemented
    # An argument whose name contains one of these words is not trained.
    FIXED_PARAMS: list[str] = field(default_factory=lambda: ["conv1", "bn_conv1", "res2", "bn2", "gamma", "beta"])
    FIXED_PARAMS_SHARED: list[str] = field(default_factory=list)  # set in the original's YAML, read by nothing


@dataclass
class Streets:
    """A generated dataset (docs/streets.md) of the size SCALES says, made at dataset_path when it is not there."""

    train: int = 0  # pictures; 0 = dataset_path holds a dataset, nothing is made
    val: int = 0
    seed: int = 1


@dataclass
class Dataset(sections.Dataset):
    dataset: str = "cityscapes"  # CityScape or PascalVOC, in any case
    image_set: str = "leftImg8bit_train"
    test_image_set: str = "leftImg8bit_val"
    dataset_path: str = "../data/cityscapes"
    NUM_CLASSES: int = 19
    annotation_prefix: str = "gtFine"
    streets: Streets = field(default_factory=Streets)


@dataclass
class Train(sections.Train):
    model_prefix: str = "deeplab"
    ENABLE_OHEM: bool = False  # true is not implemented
    ENABLE_CROP: bool = False
    CROP_HEIGHT: int = 768
    CROP_WIDTH: int = 1024
    CROP_PAD: bool = False  # a picture smaller than the crop is filled up with mean grey; false: it is an error
    BLUR: float = 0.0  # every second picture is blurred by a standard deviation of up to this many pixels
    ZOOMS: list[float] = field(default_factory=list)  # by one of these a picture is enlarged before the crop; [] = none


@dataclass
class Test(sections.Test):
    crf: Crf = field(default_factory=Crf)
    each_epoch: bool = False  # DeepLabv3+: loss and accuracy of the test pictures are measured after every epoch


@dataclass
class Net(sections.Looking, sections.Backbone):
    """Shape of the network: its backbone, its head, and how the last stage looks."""

    head_channels: int = 1024
    head_init: str = "normal"  # of fc6: normal (0.01, the original, on a pretrained backbone) or msra (from scratch)
    # Letters of the res5 units whose 3x3 convolution looks ('a', 'ab'), '' = all; those of the others are ordinary.
    looking_units: str = ""
    # DeepLabV2: scales at which a picture is seen, 1 first ([]: the other networks), dilations of its classifiers.
    scales: list[float] = field(default_factory=list)
    aspp_rates: list[int] = field(default_factory=lambda: [6, 12, 18, 24])
    aspp_lr_mult: float = 10.0  # of their weights; their biases learn twice as fast
    lsdfn: LSDFN = field(default_factory=LSDFN)
    v3plus: V3Plus = field(default_factory=V3Plus)


@dataclass
class Faults:
    """Faults of the builds that the report's numbers come from, of the training, never of an operator; see
    docs/report-faults.md. All off by default."""

    # acn: offset gradients are never zeroed. Each update uses the sum of all so far; with net.normalize_grad the raw
    # gradient is added to the last normalised one, rate and all, and normalised again.
    carried_offset_gradient: bool = False
    # dcn: the gradient of a deformable convolution's weight is that of the ordinary convolution, without offsets.
    undeformed_weight_gradient: bool = False
    offset_lr_rate: float = 0.0  # acn: hard-wired, whatever net.offset_lr_rate says; 0 = it is not


@dataclass
class Config(sections.Common):
    CLASS_AGNOSTIC: bool = True  # set in the original's YAML, read by nothing
    # (short side, long side) in pixels: an image is scaled so that its short side is SCALES[0][0], unless its
    # long side would then exceed SCALES[0][1]. In YAML [1024, 2048] and [[1024, 2048]] mean the same.
    SCALES: list[list[int]] = field(default_factory=lambda: [[360, 600]])
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: Test = field(default_factory=Test)
    net: Net = field(default_factory=Net)
    faults: Faults = field(default_factory=Faults)


RANGES = Ranges(
    choices={
        "network.IMAGE_STRIDE": (0,),
        "TRAIN.ENABLE_OHEM": (False,),
        "net.head_init": ("normal", "msra"),
        **LSDFN.CHOICES,
        "net.v3plus.deform": FORMS,
        "net.v3plus.offset_start": STARTS,
        **sections.NET_RANGES["choices"],
    },
    why={
        "network.IMAGE_STRIDE": "padding pictures is not implemented",
        "TRAIN.ENABLE_OHEM": "online hard example mining is not implemented",
    },
    at_least={
        "TRAIN.CROP_HEIGHT": 1, "TRAIN.CROP_WIDTH": 1, "network.pretrained_epoch": 0, "net.head_channels": 1,
        "TRAIN.BLUR": 0, "faults.offset_lr_rate": 0, "net.aspp_lr_mult": 0,
        **LSDFN.AT_LEAST,
        **Crf.AT_LEAST,
        **sections.NET_RANGES["at_least"],
    },
    paths=("network.pretrained",),
)  # fmt: skip


def _wrong(cfg):
    yield from sections.unfit_pixels(cfg)
    yield from unfit_scales(cfg.net)
    yield from unfit_v3_plus(cfg)
    if cfg.faults.carried_offset_gradient and cfg.run.iter_size > 1:
        yield f"run.iter_size: gradients that are carried need updates of one batch each, got {cfg.run.iter_size}"
    if cfg.TRAIN.ZOOMS and not (min(cfg.TRAIN.ZOOMS) > 0 and cfg.TRAIN.ENABLE_CROP):
        yield (f"TRAIN.ZOOMS: expected factors above 0 and TRAIN.ENABLE_CROP, got {cfg.TRAIN.ZOOMS} and "
               f"{cfg.TRAIN.ENABLE_CROP}")  # fmt: skip
    if cfg.TRAIN.CROP_PAD and not cfg.TRAIN.ENABLE_CROP:
        yield "TRAIN.CROP_PAD: fills up to the crop, expected TRAIN.ENABLE_CROP true, got False"


SCHEMA = Schema(Config, RANGES, _wrong)


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The configuration of a YAML file, see `lib.config.load`."""
    return config.load(SCHEMA, path, overrides)
