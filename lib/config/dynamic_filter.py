# SPDX-License-Identifier: Apache-2.0
"""The LS-DFN block, which computes a dynamic filter from the features it filters: its sizes, layers and initial values.

Both builders, lib/nets/dynamic_filter.py and lib/modules/dynamic_filter.py, read them here. Layers and deviations are
those of the author's Caffe networks; sizes, sum and residual of 1 / C those of the paper (Wu et al., ECCV 2018).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Layer:
    """A convolution with bias that keeps the size of the map (stride 1).

    reads : the layer before it, "" for the block's input
    std : weights start as N(0, std), biases as 0
    """

    name: str
    reads: str
    channels: int
    kernel: int
    std: float
    dilate: int = 1
    relu: bool = False

    @property
    def pad(self) -> int:
        return self.dilate * (self.kernel // 2)


@dataclass(frozen=True)
class DynamicFilterBlock:
    """Sizes of the block.

    num_filter : C', channels of the output
    channels : C, of the features that are filtered
    hidden : of the layers before the last of a branch
    kernel, samples, sample_stride : k and s along each side, and pixels between samples; k is odd
    fusion, residual, attention_at : as the operator's (operators/dynamic_filter/README.md)

    Raises ValueError for a size below 1, and for another fusion or attention_at.
    """

    num_filter: int = 24
    channels: int = 256
    hidden: int = 512
    kernel: int = 3
    samples: int = 5
    sample_stride: int = 3
    fusion: Literal["sum", "mean"] = "sum"
    residual: bool = True
    attention_at: Literal["sample", "output"] = "sample"

    def __post_init__(self):
        for name in ("num_filter", "channels", "hidden", "kernel", "samples", "sample_stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name, choices in (("fusion", ("sum", "mean")), ("attention_at", ("sample", "output"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {choices}, got {getattr(self, name)!r}")

    def layers(self) -> tuple[Layer, ...]:
        """In order. `feature`, `channel`, `spatial`, `position`, `sample` are the operator's inputs; 1 is added to the
        last two, the attentions."""
        taps, samples = self.kernel**2, self.samples**2
        return (
            Layer("feature_hidden", "", self.hidden, 3, 0.01, relu=True),
            Layer("feature", "feature_hidden", self.channels, 3, 0.01, relu=True),
            Layer("channel_hidden", "", self.hidden, 3, 0.01, dilate=2, relu=True),
            Layer("channel", "channel_hidden", self.num_filter * self.channels, 1, 1e-4),
            Layer("spatial_hidden", "", self.hidden, 3, 0.01, dilate=2, relu=True),
            Layer("spatial", "spatial_hidden", self.num_filter * taps, 3, 1e-4),
            Layer("position", "", taps, 3, 0.001),
            Layer("sample", "", samples, 3, 0.01),
        )

    def initial(self, name: str) -> dict[str, str]:
        """Parameter -> kind of initial value (lib/run/initial.py), for the block called `name`: rows of a system's
        table."""
        weights = {f"{name}_{layer.name}_weight": f"normal({layer.std:g})" for layer in self.layers()}
        return {**weights, **{f"{name}_{layer.name}_bias": "zeros" for layer in self.layers()}}


@dataclass
class LSDFN:
    """The block as a section of a configuration; defaults are the paper's."""

    CHOICES: ClassVar = {"net.lsdfn.fusion": ("sum", "mean")}  # of a section net.lsdfn
    AT_LEAST: ClassVar = {
        "net.lsdfn.post": 0,
        **{f"net.lsdfn.{key}": 1 for key in ("num_filter", "channels", "hidden", "samples", "sample_stride")},
    }

    num_filter: int = 24
    channels: int = 256
    hidden: int = 512
    samples: int = 5  # along each side
    sample_stride: int = 3
    fusion: str = "sum"  # of the samples: sum or mean
    post: int = 256  # channels of the 1x1 convolution behind it; 0 = none, as in the paper's detection

    def block(self) -> DynamicFilterBlock:
        sizes = {key: value for key, value in asdict(self).items() if key != "post"}
        return DynamicFilterBlock(**sizes)

    def initial(self) -> dict[str, str]:
        """As `DynamicFilterBlock.initial`, of the block `lsdfn` and of `post` behind it."""
        behind = {"post_weight": "msra", "post_bias": "zeros"} if self.post else {}
        return {**self.block().initial("lsdfn"), **behind}

    def parameters(self, inputs: int) -> int:
        """Numbers that the block on `inputs` channels has, and its 1x1 convolution `post`."""
        channels, total = {"": inputs}, self.post * (self.num_filter + 1)
        for layer in self.block().layers():
            channels[layer.name] = layer.channels
            total += layer.channels * (channels[layer.reads] * layer.kernel**2 + 1)
        return total

    def control_channels(self, inputs: int) -> int:
        """Channels h of two 3x3 convolutions that, with a 1x1 one behind them, have about as many numbers as the block
        with its own: 9 h^2 + (9 inputs + 2 + post) h, and post."""
        linear, wanted = 9 * inputs + 2 + self.post, self.parameters(inputs) - self.post
        return max(1, round((math.sqrt(linear**2 + 36 * wanted) - linear) / 18))


CONTROL = ("control_1", "control_2")
"""The 3x3 convolutions that stand in the block's place where it is compared with as many ordinary parameters."""


def control_initial() -> dict[str, str]:
    """As `DynamicFilterBlock.initial`, of the control."""
    return {f"{name}_{kind}": init for name in CONTROL for kind, init in (("weight", "msra"), ("bias", "zeros"))}


PAPER = DynamicFilterBlock()  # as in the paper's segmentation
