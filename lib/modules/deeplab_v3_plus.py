# SPDX-License-Identifier: Apache-2.0
"""DeepLabv3+ (Chen et al. 2018, arXiv 1802.02611) with our ResNets. Layers and names are those of jfzhang95's
pytorch-deeplab-xception, whose checkpoints load; PyTorch alone runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from lib.modules.atrous_pyramid import AtrousPyramid
from lib.modules.resnet import resnet

IGNORE = 255


class Decoder(nn.Module):
    """The pyramid's map at the size of an early one, both read by two 3x3 convolutions: (N, num_classes, H/4, W/4).

    low: channels of the early map, which become 3/16 of `channels`, those of the pyramid: 48 of 256.
    """

    def __init__(self, low: int, channels: int, num_classes: int):
        super().__init__()
        few = max(1, channels * 3 // 16)
        self.conv1, self.bn1 = nn.Conv2d(low, few, 1, bias=False), nn.BatchNorm2d(few)
        self.last_conv = nn.Sequential(
            nn.Conv2d(channels + few, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Dropout(0.5), nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(), nn.Dropout(0.1), nn.Conv2d(channels, num_classes, 1),
        )  # fmt: skip

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        low = torch.relu(self.bn1(self.conv1(low)))
        return self.last_conv(torch.cat([_enlarged(x, low), low], 1))


class DeepLabV3Plus(nn.Module):
    """Pictures (N, 3, H, W) and, in training, labels (N, H, W), 255 where there is none.

    In training: loss, the mean cross entropy of the pixels with a class, and `probability_output` (N, H, W), that of
    each pixel's own class (of class 0 where there is none). Else `scores_output` and `softmax_output`, their
    probabilities, (N, num_classes, H, W), and `classes_output` (N, H, W), the most probable class of each pixel, and
    with labels the others, too.

    depth, output_stride, multi_grid: see `lib.modules.resnet.resnet`. backbone: settings of
    `lib.modules.deforming.Settings`. dilations: of the pyramid, the first 1. channels: of pyramid and decoder.
    train_bn: False: batch normalisation keeps the statistics that it was loaded with.
    batch_average: the loss is divided by the number of pictures once more, as in jfzhang95's code.
    """

    def __init__(self, num_classes: int, depth: int = 101, output_stride: int = 16,
                 multi_grid: Sequence[int] = (1, 2, 4), backbone: Mapping | None = None,
                 dilations: Sequence[int] = (1, 6, 12, 18), channels: int = 256,
                 train_bn: bool = True, batch_average: bool = False):  # fmt: skip
        super().__init__()
        self.backbone = resnet(depth, output_stride, tuple(multi_grid), full_model=False, **(backbone or {}))
        self.aspp = AtrousPyramid(self.backbone.channels, channels, dilations)
        self.decoder = Decoder(self.backbone.low_channels, channels, num_classes)
        self._train_bn, self._batch_average = train_bn, batch_average
        for each in [*self.aspp.modules(), *self.decoder.modules()]:
            if isinstance(each, nn.Conv2d):
                nn.init.kaiming_normal_(each.weight)

    def train(self, mode: bool = True) -> DeepLabV3Plus:
        super().train(mode)
        for each in self.modules():
            if isinstance(each, nn.BatchNorm2d) and not self._train_bn:
                each.eval()
        return self

    def scores(self, data: Tensor) -> Tensor:
        low, *_, high = self.backbone.stages(data)
        return _enlarged(self.decoder(self.aspp(high), low), data)

    def forward(self, data: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        scores = self.scores(data)
        found = {} if self.training else _predicted(scores)
        if label is None:
            return found
        label = label.long()
        loss = cross_entropy(scores, label, ignore_index=IGNORE, reduction="sum") / (label != IGNORE).sum().clamp(min=1)
        own = label.where(label != IGNORE, 0)[:, None]
        probability = scores.detach().softmax(1).gather(1, own)[:, 0]
        loss = loss / len(data) if self._batch_average else loss
        return {**found, "loss": loss, "probability_output": probability}


def _predicted(scores: Tensor) -> dict[str, Tensor]:
    return {"scores_output": scores, "softmax_output": scores.softmax(1), "classes_output": scores.argmax(1)}


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
