# SPDX-License-Identifier: Apache-2.0
"""VGG (Simonyan and Zisserman 2014, arXiv 1409.1556) as torch modules whose last block can look where it likes.

Parameters are named as torchvision's, numbers included, whose state dicts load: all of them where nothing is
deformable, with `strict=False` else. What stands after a convolution's ReLU belongs to that ReLU, so that the numbers
stay. PyTorch alone runs these.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.modules import deforming
from lib.modules.deforming import Settings

BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of the five blocks, by depth."""


class ReLUThen(nn.ReLU):
    """A ReLU, and a convolution behind it."""

    def __init__(self, extra: nn.Module):
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        return self.extra(super().forward(x))


class VGG(nn.Module):
    """(N, in_channels, H, W) -> (N, num_classes), or without the classifier (N, channels, H/32, W/32).

    depth: 11, 13, 16 or 19. max_pools: False leaves the pooling out everywhere; the map keeps the picture's size.
    batch_norm: after every convolution of the original, as in torchvision's vgg*_bn. `channels`: of the last block.
    """

    def __init__(self, depth: int, settings: Settings, max_pools: bool = True, batch_norm: bool = False):
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth: expected one of {', '.join(map(str, BLOCKS))}, got {depth!r}")
        layers: list[nn.Module] = []
        inside = settings.in_channels
        for block, count in enumerate(BLOCKS[depth]):
            outside = settings.width * min(2**block, 8)
            for _ in range(count):
                layers += _convolution(inside, outside, settings, batch_norm, last=block == 4)
                inside = outside
            layers.append(nn.MaxPool2d(2, 2) if max_pools else nn.Identity())
        self.features, self.channels = nn.Sequential(*layers), inside
        self.classifier = _classifier(inside, settings.num_classes) if settings.full_model else None
        deforming.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        if self.classifier is None:
            return x
        return self.classifier(nn.functional.adaptive_avg_pool2d(x, (7, 7)).flatten(1))


def vgg11(max_pools: bool = True, batch_norm: bool = False, **settings) -> VGG:
    """See `VGG`; settings: see `lib.modules.deforming.Settings`."""
    return VGG(11, Settings(**settings), max_pools, batch_norm)


def vgg13(max_pools: bool = True, batch_norm: bool = False, **settings) -> VGG:
    """See `VGG`; settings: see `lib.modules.deforming.Settings`."""
    return VGG(13, Settings(**settings), max_pools, batch_norm)


def vgg16(max_pools: bool = True, batch_norm: bool = False, **settings) -> VGG:
    """See `VGG`; settings: see `lib.modules.deforming.Settings`."""
    return VGG(16, Settings(**settings), max_pools, batch_norm)


def vgg19(max_pools: bool = True, batch_norm: bool = False, **settings) -> VGG:
    """See `VGG`; settings: see `lib.modules.deforming.Settings`."""
    return VGG(19, Settings(**settings), max_pools, batch_norm)


def _convolution(inside: int, outside: int, settings: Settings, batch_norm: bool, last: bool) -> list[nn.Module]:
    """A 3x3 convolution with what belongs to it; `last`: in the block that may deform."""
    if last:
        layers = [deforming.convolution(inside, outside, settings, bias=True)]
        extra = deforming.extra(outside, settings, offset_bias=True)
    else:
        layers, extra = [nn.Conv2d(inside, outside, 3, padding=1)], None
    layers += [nn.BatchNorm2d(outside)] if batch_norm else []
    return [*layers, ReLUThen(extra) if extra else nn.ReLU()]


def _classifier(channels: int, num_classes: int) -> nn.Sequential:
    made = nn.Sequential(
        nn.Linear(channels * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip
    for layer in (each for each in made if isinstance(each, nn.Linear)):
        torch.nn.init.normal_(layer.weight, 0, 0.01)
        torch.nn.init.zeros_(layer.bias)
    return made
