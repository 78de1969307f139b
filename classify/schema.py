# SPDX-License-Identifier: Apache-2.0
"""Every key a classifier's configuration may hold, with its type, default and range.

What all systems have stands in lib.config.sections; what is particular to classifiers in `net`, `network`,
`dataset.generated`, `dataset.zoom` and the first keys of `TRAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib import config
from lib.config import Ranges, Schema, sections

DATASETS = ("digits", "mnist", "fashion", "cifar10", "cifar100")
KINDS = ("plain", "deformable", "modulated", "active")


@dataclass
class Network(sections.Network):
    pretrained_offsets: bool = False  # the file has the offsets of active convolutions, too
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [33.3285])  # grey; or blue, green, red


@dataclass
class Generated:
    """Drawn digits in MNIST's files, made at dataset_path when they are not there (dataset: digits)."""

    train: int = 6000
    test: int = 2000
    seed: int = 1


@dataclass
class Zoom:
    """Pictures with a border of 14, each at its own scale, uniform between two factors; above 1 shrinks. Made once."""

    train: list[float] = field(default_factory=list)  # [0.5, 1.5]; [] = pictures as they are
    test: list[float] = field(default_factory=list)
    seed: int = 0
    path: str = "./data/zoomed"  # folder of the files that hold them


@dataclass
class Dataset(sections.Dataset):
    dataset: str = "digits"  # digits, mnist, fashion, cifar10 or cifar100
    image_set: str = "train"
    test_image_set: str = "test"
    dataset_path: str = "./data/digits"
    NUM_CLASSES: int = 10
    train_images: int = 0  # the first so many of the image set are trained on; 0 = all
    test_images: int = 0
    generated: Generated = field(default_factory=Generated)
    zoom: Zoom = field(default_factory=Zoom)


@dataclass
class Train(sections.Train):
    model_prefix: str = "classify"
    FLIP: bool = False  # true is not implemented: MIRROR draws anew each epoch
    MIRROR: bool = False  # each picture is mirrored or not, drawn anew each epoch
    SHIFT: int = 0  # pixels by which a picture is moved at most in y and in x, drawn anew; what comes in is mean grey


@dataclass
class Net(sections.Backbone):
    """Shape of the network. What `Backbone` has is read by the ResNets alone, width also by digits_scaled."""

    depth: int = 18
    output_stride: int = 32
    pool_pad: int = 1
    stride_on_3x3: bool = True
    train_bn: bool = True
    res5_dilate: int = 1
    pixel_stds: list[float] = field(default_factory=lambda: [78.5655])  # grey; or blue, green, red
    kind: str = "deformable"  # of the layers that may look elsewhere: plain, deformable, modulated or active
    first: int = 4  # digits_scaled: the first of its four convolutions that is of this kind
    form: str = "existing"  # ResNet: existing 3x3 convolutions of the last stage, or extra ones, are of this kind
    init: str = "msra"  # of all other weights: msra, xavier, uniform or normal
    mask_scale: float = 1.0  # modulated: mask = mask_scale * sigmoid
    mask_init: str = "zeros"  # modulated: weights of the convolution that makes masks, zeros or half
    boundary: str = ""  # what lies outside the map: inside, zero, border; '' = the operator's default
    normalize_grad: bool = False  # active: divide each tap's offset gradient by its norm
    fixed_centre: bool = False  # active: the middle tap stays where it is
    offset_lr_rate: float = 1.0  # active: factor on the offset gradient
    offset_lr_mult: float = 1.0  # factor on the learning rate of all that makes offsets and masks
    offset_bound: float = 0.0  # active: no offset is larger than this in y or in x, in pixels; 0 = no bound


@dataclass
class Config(sections.Common):
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: sections.Test = field(default_factory=lambda: sections.Test(BATCH_IMAGES=100))
    net: Net = field(default_factory=Net)


RANGES = Ranges(
    choices={
        "dataset.dataset": DATASETS,
        "dataset.image_set": ("train", "test"),
        "dataset.test_image_set": ("train", "test"),
        "TRAIN.FLIP": (False,),
        "net.depth": (10, 18, 34, 50, 101),
        "net.output_stride": (8, 16, 32),
        "net.pool_pad": (0, 1),
        "net.pixel_order": ("RGB", "BGR"),
        "net.kind": KINDS,
        "net.first": (1, 2, 3, 4),
        "net.form": ("existing", "extra"),
        "net.init": ("msra", "xavier", "uniform", "normal"),
        "net.mask_init": ("zeros", "half"),
        "net.boundary": ("", "inside", "zero", "border"),
    },
    why={"TRAIN.FLIP": "TRAIN.MIRROR mirrors at random"},
    at_least={
        "dataset.train_images": 0, "dataset.test_images": 0, "dataset.generated.train": 1, "dataset.generated.test": 1,
        "dataset.generated.seed": 0, "dataset.zoom.seed": 0, "TRAIN.SHIFT": 0, "network.pretrained_epoch": 0,
        "net.width": 1, "net.bn_eps": 1e-5, "net.mask_scale": 0, "net.offset_lr_rate": 0, "net.offset_lr_mult": 0,
        "net.offset_bound": 0,
    },
    paths=("network.pretrained", "dataset.zoom.path"),
)  # fmt: skip


def _wrong(cfg: Config):
    channels = 3 if cfg.dataset.dataset.startswith("cifar") else 1
    for key, values in (("network.PIXEL_MEANS", cfg.network.PIXEL_MEANS), ("net.pixel_stds", cfg.net.pixel_stds)):
        if len(values) != channels:
            yield f"{key}: {cfg.dataset.dataset} has {channels} channels, got {len(values)} numbers, {values}"
    if not all(each > 0 for each in cfg.net.pixel_stds):
        yield f"net.pixel_stds: expected numbers above 0, got {cfg.net.pixel_stds}"
    zoom = cfg.dataset.zoom
    for key, factors in (("train", zoom.train), ("test", zoom.test)):
        if factors and not (len(factors) == 2 and 0 < factors[0] <= factors[1]):
            yield f"dataset.zoom.{key}: expected two factors, 0 < low <= high, or none, got {factors}"
        if factors and channels != 1:
            yield f"dataset.zoom.{key}: only grey pictures are zoomed, {cfg.dataset.dataset} has colours"
    if bool(zoom.train) != bool(zoom.test):
        yield "dataset.zoom: train and test must both have factors, or neither: their pictures have different sizes"


SCHEMA = Schema(Config, RANGES, _wrong)


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """The configuration of a YAML file, see `lib.config.load`."""
    return config.load(SCHEMA, path, overrides)
