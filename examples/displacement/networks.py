# SPDX-License-Identifier: Apache-2.0
"""Networks of about 5,000 parameters that see the noise and the code; they differ in how they look."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from examples.displacement.problem import REACH
from operators.for_torch import deform_conv2d, dynamic_filter2d

CODE = 2 * (2 * REACH + 1)  # channels
HIDDEN = 64


class Dynamic(nn.Module):
    """A dynamic filter, computed from the code alone: 1x1 layers, as nothing but the filter is to look around.

    samples: along each side, 3 pixels apart. without: parts that are left out, of channel, spatial, position, sample
    and residual; a kernel left out is 0, an attention 1.
    """

    def __init__(self, samples: int, without: tuple[str, ...] = ()):
        super().__init__()
        self.samples, self.residual = samples, "residual" not in without
        self.channels = {"channel": 1, "spatial": 9, "position": 9, "sample": samples**2}
        self.trunk = nn.Conv2d(CODE, HIDDEN, 1)
        for name, channels in self.channels.items():
            if name not in without:
                self.add_module(name, _small(nn.Conv2d(HIDDEN, channels, 1)))

    def forward(self, noise, code):
        x = self.trunk(code).relu()
        made = {name: noise.new_zeros(len(x), channels, *x.shape[2:]) for name, channels in self.channels.items()}
        made.update({name: self.get_submodule(name)(x) for name in self.channels if hasattr(self, name)})
        return dynamic_filter2d(
            noise,
            made["channel"],
            made["spatial"],
            made["position"] + 1,
            made["sample"] + 1,
            samples=self.samples,
            residual=self.residual,
        )


class Deformable(nn.Module):
    """A deformable 3x3 convolution whose offsets are computed from the code in the same way."""

    def __init__(self):
        super().__init__()
        self.trunk, self.offset = nn.Conv2d(CODE, HIDDEN, 1), _small(nn.Conv2d(HIDDEN, 18, 1))
        self.look = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, noise, code):
        offset = self.offset(self.trunk(code).relu())
        return deform_conv2d(noise, offset, self.look.weight, self.look.bias, padding=1)


class Ordinary(nn.Module):
    """Ordinary convolutions of the same number of parameters and the same field, 15 x 15."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(CODE + 1, 11, 1), nn.Conv2d(11, 11, 3, padding=1),
                  nn.Conv2d(11, 11, 5, padding=6, dilation=3), nn.Conv2d(11, 24, 1)]  # fmt: skip
        self.layers = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())), nn.Conv2d(24, 1, 1))

    def forward(self, noise, code):
        return self.layers(torch.cat([noise, code], dim=1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "5 x 5 samples": partial(Dynamic, 5),
    "3 x 3 samples": partial(Dynamic, 3),
    "1 sample": partial(Dynamic, 1),
    "ordinary convolutions": Ordinary,
    "deformable convolution": Deformable,
}
ABLATIONS: dict[str, Callable[[], nn.Module]] = {
    f"5 x 5 without {text}": partial(Dynamic, 5, (name,))
    for name, text in (("channel", "U"), ("spatial", "V"), ("position", "position attention"),
                       ("sample", "sample attention"), ("residual", "residual"))
}  # fmt: skip


def _small(layer: nn.Conv2d) -> nn.Conv2d:
    """Starts near 0, as the block does: every attention near 1, every kernel near 0."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer
