# SPDX-License-Identifier: Apache-2.0
"""The sections that every system's configuration has; a system's own ones inherit from them.

Names and defaults are those of Deformable-ConvNets, whose YAML files load unchanged. What this project adds stands in
`run`, `engine`, `BASE`, `OVER` and `SCALED`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Default:
    frequent: int = 1000  # batches between two log lines
    kvstore: str = "device"  # where gradients are added: device, local; dist_sync, dist_device_sync: several processes


@dataclass
class Dataset:
    dataset: str = ""  # which reader, in any case
    image_set: str = ""  # several are joined by '+'
    test_image_set: str = ""
    root_path: str = "../data"
    dataset_path: str = ""
    NUM_CLASSES: int = 2


@dataclass
class Train:
    lr: float = 0.0
    lr_step: str = ""  # epochs, fractions allowed, comma separated: '40.336' or '4,6.5'
    warmup: bool = False
    warmup_lr: float = 0.0  # the constant rate of the first warmup_step iterations
    warmup_step: int = 0
    warmup_rises: bool = False  # during them the rate rises evenly from warmup_lr to lr
    optimizer: str = "sgd"  # sgd or adam, both as MXNet has them
    momentum: float = 0.9  # adam: of the gradients' running mean (beta1)
    momentum2: float = 0.999  # adam: of the running mean of their squares (beta2)
    wd: float = 0.0005
    begin_epoch: int = 0
    end_epoch: int = 0
    model_prefix: str = "model"
    RESUME: bool = False
    FLIP: bool = True  # every image a second time, mirrored
    SHUFFLE: bool = True
    BATCH_IMAGES: int = 1  # per device


@dataclass
class Test:
    BATCH_IMAGES: int = 1
    test_epoch: int = 0


@dataclass
class Network:
    """What a network begins with that no other system has trained a part of, and the means of its pixels."""

    pretrained: str = ""  # prefix of a checkpoint of the same network, which training goes on from; '' = none
    pretrained_epoch: int = 0
    PIXEL_MEANS: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # blue, green, red; or grey
    FIXED_PARAMS: list[str] = field(default_factory=list)  # a parameter whose name contains one of these is not trained


@dataclass
class Run:
    """How the network is trained, beyond the original's TRAIN section."""

    name: str = ""  # folder and log name; '' = the YAML file's name
    seed: int = 0  # initial weights, order of images, crops
    threads: int = 0  # CPU threads; 0 = all cores
    cpus: int = 1  # with gpus '': CPU contexts, each with its own statistics and its own part of the batch
    precision: str = "float32"  # float32, float64; bfloat16: PyTorch's autocast, parameters stay float32
    offset_warmup_epochs: int = 0  # offsets of active convolutions stay exactly 0 for this many epochs
    lr_factor: float = 0.1  # the learning rate is multiplied by this at each lr_step
    # step: lr_step and lr_factor. poly: TRAIN.lr * (1 - part of all updates that is done)**lr_power, anew every
    # lr_every updates.
    lr_policy: str = "step"
    lr_power: float = 0.9
    lr_every: int = 1
    iter_size: int = 1  # batches per update: they are computed one after another, and their gradients averaged
    # A displacement of more pixels than this counts as an explosion; 0 = the longer side of the layer's map. Offsets
    # that are parameters are measured after every update, computed ones after every epoch on one fixed batch.
    offset_limit: float = 0.0
    # warn: say so, go on. stop: end with an error. rollback: back to the last checkpoint, and on with slower offsets.
    # A loss or parameter that is not finite ends the run under warn, too, and is rolled back under rollback.
    on_explosion: str = "warn"
    rollback_factor: float = 0.5  # on the learning rate of all that makes offsets, at each rollback
    max_rollbacks: int = 3


@dataclass
class Backbone:
    """Shape of a ResNet and the pixels that it takes. Channel counts, strides and dilations in pixels of the layer's
    input. See `lib.nets.resnet_v1`."""

    depth: int = 101  # 10, 18, 34, 50 or 101
    width: int = 64  # channels of conv1; bottleneck stages have width*{4,8,16,32}, basic ones width*{1,2,4,8}
    stride_on_3x3: bool = False  # bottlenecks: True = v1.5 (torchvision, timm), False = on the 1x1 (Caffe, Gluon)
    pool_pad: int = 0  # of the stem's pooling: 0 = Caffe's, 1 = that of torchvision, timm and Gluon
    pool_ceil: bool = False  # with pool_pad 1: the last cell may stand half outside, as DeepLabV2's PyTorch version has
    bn_eps: float = 1e-5  # added to the variance by batch normalisation
    pixel_stds: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])  # blue, green, red; divide after the means
    pixel_order: str = "RGB"  # channels as the first convolution expects them: RGB or BGR
    output_stride: int = 16  # image pixels per pixel of the last stage: 8, 16 or 32
    dilate_stages: bool = True  # a stage that may not halve the map looks twice as far instead, as in DeepLab
    train_bn: bool = False  # False: batch normalisation uses the stored statistics, as the original does
    res5_dilate: int = 2  # dilation (and padding) of res5's branch2b, of every kind
    inception: bool = False  # depths 50, 101: units of Aligned-Inception-ResNet (our reading) instead of bottlenecks
    res5_both: bool = False  # depths 10, 18, 34: branch2a of res5 is of the same kind as branch2b


@dataclass
class Looking:
    """How the layers that learn where to look do so."""

    offset_dilate: int = 1  # dilation of the convolution that predicts the offsets (deformable, modulated)
    num_deformable_group: int = 1
    num_offset_group: int = 1  # groups of filters with an own set of offsets
    boundary: str = ""  # what lies outside the map: inside, zero, border; '' = the operator's default
    normalize_grad: bool = False  # active: divide each tap's offset gradient by its norm
    offset_lr_rate: float = 1.0  # active: factor on the offset gradient
    offset_lr_mult: float = 1.0  # factor on the learning rate of all that makes offsets and masks
    # No sample is moved by more than this many pixels in y or in x; 0 = no bound. active: offsets are cut back to it
    # after every update. deformable, modulated: what the branch computes, z, becomes bound*tanh(z/bound), in the graph.
    offset_bound: float = 0.0


NET_RANGES = {
    "choices": {
        "net.depth": (10, 18, 34, 50, 101),
        "net.output_stride": (8, 16, 32),
        "net.pool_pad": (0, 1),
        "net.pixel_order": ("RGB", "BGR"),
        "net.boundary": ("", "inside", "zero", "border"),
    },
    "at_least": {
        "net.width": 1, "net.res5_dilate": 1, "net.offset_dilate": 1, "net.num_deformable_group": 1,
        "net.num_offset_group": 1, "net.bn_eps": 1e-5, "net.offset_lr_rate": 0, "net.offset_lr_mult": 0,
        "net.offset_bound": 0,
    },
}  # fmt: skip
"""Of a section `net` that is a Backbone and Looking."""


def unfit_pixels(cfg):
    """What is wrong with the settings of pixels."""
    if len(cfg.network.PIXEL_MEANS) != 3:
        yield f"network.PIXEL_MEANS: expected 3 numbers (blue, green, red), got {cfg.network.PIXEL_MEANS}"
    if len(cfg.net.pixel_stds) != 3 or not all(each > 0 for each in cfg.net.pixel_stds):
        yield f"net.pixel_stds: expected 3 numbers above 0 (blue, green, red), got {cfg.net.pixel_stds}"


@dataclass
class Common:
    """What stands at the top of every configuration."""

    BASE: str = ""  # a YAML file, relative to this one, that is read first
    OVER: str = ""  # a YAML file, relative to the one it stands in, read last, before the command line (over.py)
    SCALED: list[str] = field(default_factory=list)  # set by the program: what the tables of OVER have changed
    MXNET_VERSION: str = ""  # '' or 'mxnet' = the installed one; a number must be the installed one's
    output_path: str = ""
    symbol: str = ""  # name of a file in <system>/symbols
    engine: str = "mxnet"  # what runs the network: mxnet or torch
    gpus: str = ""  # '0,1'; '' = CPU
    default: Default = field(default_factory=Default)
    run: Run = field(default_factory=Run)
