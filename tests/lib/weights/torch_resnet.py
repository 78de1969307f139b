# SPDX-License-Identifier: Apache-2.0
"""ResNet in PyTorch as torchvision defines it, written here: its wheels do not install beside a CPU build of PyTorch.

Names, order and strides are those of torchvision.models.resnet (and of timm's resnet18 to resnet101): a 7x7 stem, a
pooling padded by 1, and the stride of a bottleneck on its 3x3 convolution (v1.5).
"""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, bottleneck: bool, stride_on_3x3: bool):
        super().__init__()
        out = width * (4 if bottleneck else 1)
        if bottleneck:
            first, second = (1, stride) if stride_on_3x3 else (stride, 1)
            shapes = [(channels, width, 1, first), (width, width, 3, second), (width, out, 1, 1)]
        else:
            shapes = [(channels, width, 3, stride), (width, width, 3, 1)]
        for number, (here, there, kernel, step) in enumerate(shapes, 1):
            conv = nn.Conv2d(here, there, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(there))
        self.count, self.downsample = len(shapes), None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = torch.relu(y) if number < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """counts: blocks per stage. width: of conv1. `features` gives the last stage's maps."""

    def __init__(self, counts, bottleneck: bool, width: int = 64, stride_on_3x3: bool = True, classes: int = 10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, count in enumerate(counts):
            blocks, filters = [], width * 2**stage
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(Block(channels, filters, stride, bottleneck, stride_on_3x3))
                channels = filters * (4 if bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def features(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def random_resnet(counts, bottleneck: bool, seed: int = 0, **kwargs) -> ResNet:
    """One with random weights and statistics, as if it had been trained, for evaluation."""
    torch.manual_seed(seed)
    net = ResNet(counts, bottleneck, **kwargs).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
    return net
