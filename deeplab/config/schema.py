# SPDX-License-Identifier: Apache-2.0
"""Every key a configuration may hold, with its type and default.

The sections `default`, `network`, `dataset`, `TRAIN` and `TEST` and the keys beside them are those of
Deformable-ConvNets' deeplab, with its defaults, so that its YAML files load unchanged. What this project adds stands
in `net` (the network's shape), `run` (how it is trained), `dataset.streets`, `BASE`, `OVER` and `SCALED`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Default:
    frequent: int = 1000  # batches between two log lines
    kvstore: str = "device"  # where gradients are added: device, local; dist_sync, dist_device_sync: several processes


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
class Dataset:
    dataset: str = "cityscapes"  # CityScape or PascalVOC, in any case
    image_set: str = "leftImg8bit_train"
    test_image_set: str = "leftImg8bit_val"
    root_path: str = "../data"
    dataset_path: str = "../data/cityscapes"
    NUM_CLASSES: int = 19
    annotation_prefix: str = "gtFine"
    streets: Streets = field(default_factory=Streets)


@dataclass
class Train:
    lr: float = 0.0
    lr_step: str = ""  # epochs, fractions allowed, comma separated: '40.336' or '4,6.5'
    warmup: bool = False
    warmup_lr: float = 0.0  # the constant rate of the first warmup_step iterations
    warmup_step: int = 0
    momentum: float = 0.9
    wd: float = 0.0005
    begin_epoch: int = 0
    end_epoch: int = 0
    model_prefix: str = "deeplab"
    RESUME: bool = False
    FLIP: bool = True  # every image a second time, mirrored
    SHUFFLE: bool = True
    ENABLE_OHEM: bool = False  # true is not implemented
    BATCH_IMAGES: int = 1  # per device
    ENABLE_CROP: bool = False
    CROP_HEIGHT: int = 768
    CROP_WIDTH: int = 1024


@dataclass
class Test:
    BATCH_IMAGES: int = 1
    test_epoch: int = 0


@dataclass
class Net:
    """Shape of the network. Channel counts, strides and dilations in pixels of the layer's input."""

    depth: int = 101  # 10, 18, 34, 50 or 101
    width: int = 64  # channels of conv1; bottleneck stages have width*{4,8,16,32}, basic ones width*{1,2,4,8}
    stride_on_3x3: bool = False  # bottlenecks: True = v1.5 (torchvision, timm), False = on the 1x1 (Caffe, Gluon)
    pool_pad: int = 0  # of the stem's pooling: 0 = Caffe's, 1 = that of torchvision, timm and Gluon
    bn_eps: float = 1e-5  # added to the variance by batch normalisation
    pixel_stds: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])  # blue, green, red; divide after the means
    pixel_order: str = "RGB"  # channels as the first convolution expects them: RGB or BGR
    output_stride: int = 16  # image pixels per pixel of the last stage: 8, 16 or 32
    dilate_stages: bool = True  # a stage that may not halve the map looks twice as far instead, as in DeepLab
    head_channels: int = 1024
    head_init: str = "normal"  # of fc6: normal (0.01, the original, on a pretrained backbone) or msra (from scratch)
    train_bn: bool = False  # False: batch normalisation uses the stored statistics, as the original does
    res5_dilate: int = 2  # dilation (and padding) of res5's branch2b, of every kind
    offset_dilate: int = 1  # dilation of the convolution that predicts the offsets (dcn, modulated)
    num_deformable_group: int = 1
    num_offset_group: int = 1  # groups of filters with an own set of offsets
    boundary: str = ""  # what lies outside the map: inside, zero, border; '' = the operator's default
    normalize_grad: bool = False  # acn: divide each tap's offset gradient by its norm
    offset_lr_rate: float = 1.0  # acn: factor on the offset gradient
    offset_lr_mult: float = 1.0  # factor on the learning rate of all that makes offsets and masks
    # No sample is moved by more than this many pixels in y or in x; 0 = no bound. acn: offsets are cut back to it after
    # every update. dcn, modulated: what the branch computes, z, becomes bound*tanh(z/bound), in the graph.
    offset_bound: float = 0.0


@dataclass
class Run:
    """How the network is trained, beyond the original's TRAIN section."""

    name: str = ""  # folder and log name; '' = the YAML file's name
    seed: int = 0  # initial weights, order of images, crops
    threads: int = 0  # CPU threads; 0 = all cores
    cpus: int = 1  # with gpus '': CPU contexts, each with its own copy of the network and its own part of the batch
    offset_warmup_epochs: int = 0  # offsets of active convolutions stay exactly 0 for this many epochs
    lr_factor: float = 0.1  # the learning rate is multiplied by this at each lr_step
    # A displacement of more pixels than this counts as an explosion; 0 = the longer side of the layer's map. Offsets
    # that are parameters are measured after every update, computed ones after every epoch on one fixed batch.
    offset_limit: float = 0.0
    # warn: say so, go on. stop: end with an error. rollback: back to the last checkpoint, and on with slower offsets.
    # A loss or parameter that is not finite ends the run under warn, too, and is rolled back under rollback.
    on_explosion: str = "warn"
    rollback_factor: float = 0.5  # on the learning rate of all that makes offsets, at each rollback
    max_rollbacks: int = 3


@dataclass
class Config:
    BASE: str = ""  # a YAML file, relative to this one, that is read first
    OVER: str = ""  # a YAML file, relative to the one it stands in, read last, before the command line (over.py)
    SCALED: list[str] = field(default_factory=list)  # not set but told: what the tables of OVER have changed
    MXNET_VERSION: str = ""  # '' or 'mxnet' = the installed one; a number must be the installed one's
    output_path: str = ""
    symbol: str = ""  # name of a file in deeplab/symbols
    gpus: str = ""  # '0,1'; '' = CPU
    CLASS_AGNOSTIC: bool = True
    # (short side, long side) in pixels: an image is scaled so that its short side is SCALES[0][0], unless its
    # long side would then exceed SCALES[0][1]. In YAML [1024, 2048] and [[1024, 2048]] mean the same.
    SCALES: list[list[int]] = field(default_factory=lambda: [[360, 600]])
    default: Default = field(default_factory=Default)
    network: Network = field(default_factory=Network)
    dataset: Dataset = field(default_factory=Dataset)
    TRAIN: Train = field(default_factory=Train)
    TEST: Test = field(default_factory=Test)
    net: Net = field(default_factory=Net)
    run: Run = field(default_factory=Run)
