# SPDX-License-Identifier: Apache-2.0
"""Atrous spatial pyramid pooling with the whole picture's mean (Chen et al. 2017, arXiv 1706.05587), named as in
jfzhang95's pytorch-deeplab-xception."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Branch(nn.Module):
    """A convolution, 1x1 at dilation 1 and 3x3 else, with batch normalisation and ReLU."""

    def __init__(self, inside: int, outside: int, dilation: int):
        super().__init__()
        kernel, pad = (1, 0) if dilation == 1 else (3, dilation)
        self.atrous_conv = nn.Conv2d(inside, outside, kernel, padding=pad, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.atrous_conv(x)))


class AtrousPyramid(nn.Module):
    """(N, inside, H, W) -> (N, outside, H, W). dilations: of the branches aspp1, aspp2, ..., the first of them 1."""

    def __init__(self, inside: int, outside: int, dilations: Sequence[int]):
        super().__init__()
        self._names = [f"aspp{number}" for number in range(1, len(dilations) + 1)]
        for name, dilation in zip(self._names, dilations):
            self.add_module(name, Branch(inside, outside, dilation))
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
        )
        self.conv1 = nn.Conv2d(outside * (len(dilations) + 1), outside, 1, bias=False)
        self.bn1, self.dropout = nn.BatchNorm2d(outside), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.get_submodule(name)(x) for name in self._names]
        found.append(self.global_avg_pool(x).expand(-1, -1, *x.shape[2:]))  # of one pixel, so any enlarging is this
        return self.dropout(torch.relu(self.bn1(self.conv1(torch.cat(found, 1)))))
