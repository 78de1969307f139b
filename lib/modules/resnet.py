# SPDX-License-Identifier: Apache-2.0
"""ResNet (He et al. 2015, arXiv 1512.03385) as torch modules whose last stage can look where it likes.

Parameters are named as torchvision's, whose state dicts load: all of them where nothing is deformable, with
`strict=False` else, for the file knows no offsets. A bottleneck halves the map in its 3x3 convolution (version 1.5).
PyTorch alone runs these; for MXNet there is the Symbol builder `lib.nets.resnet_v1`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.modules import deforming
from lib.modules.deforming import Settings


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, of ResNet-18 and 34. last: whether it belongs to the last stage. dilation: of both."""

    expansion = 1

    def __init__(self, inside: int, filters: int, stride: int, settings: Settings, last: bool, dilation: int = 1):
        super().__init__()
        make = deforming.convolution if last else _ordinary
        self.conv1, self.bn1 = _ordinary(inside, filters, settings, stride, dilation=dilation), nn.BatchNorm2d(filters)
        self.conv2 = make(filters, filters, settings, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(filters)
        self.extra = deforming.extra(filters, settings) if last else None
        self.downsample = _shortcut(inside, filters, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return _join(self, x, self.bn2(self.conv2(y)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with four times the filters, of ResNet-50 and 101. last: whether it belongs to the last stage.
    dilation: of the 3x3."""

    expansion = 4

    def __init__(self, inside: int, filters: int, stride: int, settings: Settings, last: bool, dilation: int = 1):
        super().__init__()
        outside = filters * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(inside, filters, 1, bias=False), nn.BatchNorm2d(filters)
        make = deforming.convolution if last else _ordinary
        self.conv2 = make(filters, filters, settings, stride, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv3, self.bn3 = nn.Conv2d(filters, outside, 1, bias=False), nn.BatchNorm2d(outside)
        self.extra = deforming.extra(outside, settings) if last else None
        self.downsample = _shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return _join(self, x, self.bn3(self.conv3(y)))


class ResNet(nn.Module):
    """(N, in_channels, H, W) -> (N, num_classes), or without the classifier (N, channels, H/32, W/32).

    block: BasicBlock or Bottleneck. counts: blocks of layer1 to layer4. `channels`, `low_channels`: of the last stage
    and of the first.
    output_stride: 32, 16 or 8, of the last stage: a stage that may not halve the map dilates instead. multi_grid:
    factors on the dilations of the last stage's blocks (Chen et al. 2017, arXiv 1706.05587).
    """

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], counts: tuple[int, ...], settings: Settings,
                 output_stride: int = 32, multi_grid: tuple[int, ...] = ()):  # fmt: skip
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride: expected 8, 16 or 32, got {output_stride}")
        if multi_grid and min(multi_grid) < 1:
            raise ValueError(f"multi_grid: expected factors from 1 on, got {multi_grid}")
        width = settings.width
        self.conv1 = nn.Conv2d(settings.in_channels, width, 7, 2, 3, bias=False)
        self.bn1, self.maxpool = nn.BatchNorm2d(width), nn.MaxPool2d(3, 2, 1)
        channels, self.low_channels = width, width * block.expansion
        reached, grid = 4, [*multi_grid, *[1] * counts[-1]]
        for number, count in enumerate(counts):
            filters, blocks, last = width * 2**number, [], number == len(counts) - 1
            halves = bool(number) and reached < output_stride
            reached *= 2 if halves else 1
            dilation = 4 * 2**number // reached
            for place in range(count):
                stride, factor = 2 if halves and not place else 1, grid[place] if last else 1
                blocks.append(block(channels, filters, stride, settings, last, dilation * factor))
                channels = filters * block.expansion
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.channels = channels
        self.fc = nn.Linear(channels, settings.num_classes) if settings.full_model else None
        deforming.start(self)

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps of layer1 to layer4, 1/4 to 1/32 (or 1/output_stride) of the picture's size."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        found = []
        for number in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{number}")(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(x)[-1]
        return x if self.fc is None else self.fc(x.mean((2, 3)))


KINDS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    10: (BasicBlock, (1, 1, 1, 1)), 18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)), 101: (Bottleneck, (3, 4, 23, 3)),
}  # fmt: skip
"""Block and counts by depth."""


def resnet(depth: int, output_stride: int = 32, multi_grid: tuple[int, ...] = (), **settings) -> ResNet:
    """depth: of `KINDS`. settings: see `lib.modules.deforming.Settings`; the rest: see `ResNet`. Raises
    ValueError for a depth that is not known."""
    if depth not in KINDS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, KINDS))}, got {depth!r}")
    return ResNet(*KINDS[depth], Settings(**settings), output_stride, multi_grid)


def resnet18(**settings) -> ResNet:
    """settings: see `lib.modules.deforming.Settings`."""
    return resnet(18, **settings)


def resnet34(**settings) -> ResNet:
    """settings: see `lib.modules.deforming.Settings`."""
    return resnet(34, **settings)


def resnet50(**settings) -> ResNet:
    """settings: see `lib.modules.deforming.Settings`."""
    return resnet(50, **settings)


def resnet101(**settings) -> ResNet:
    """settings: see `lib.modules.deforming.Settings`."""
    return resnet(101, **settings)


def _ordinary(inside: int, outside: int, settings: Settings, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, dilation, dilation, bias=False)


def _shortcut(inside: int, outside: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inside == outside:
        return None
    return nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))


def _join(block: BasicBlock | Bottleneck, x: Tensor, y: Tensor) -> Tensor:
    y = y if block.extra is None else block.extra(y)
    return torch.relu(y + (x if block.downsample is None else block.downsample(x)))
