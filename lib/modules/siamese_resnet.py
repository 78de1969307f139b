# SPDX-License-Identifier: Apache-2.0
"""ResNet's features for a Siamese tracker: at stride 8, without the cells that its padding spoils most.

A tracker compares two maps cell by cell, so a thing must look the same wherever it stands. Padding tells a network
where the border is; the outer cells, which know it best, are cut off (Zhang and Peng 2019, SiamDW, arXiv 1901.01660).
"""

from __future__ import annotations

from torch import Tensor, nn

from lib.modules.resnet import ResNet


class SiameseResNet(nn.Module):
    """(N, in_channels, H, W) -> (N, channels, ceil(H / 8) - 2 * crop, ...). Parameters are called `resnet.*`.

    resnet: without its classifier; its last two stages no longer halve the map. crop: cells that are cut off on every
    side; with 5 a template of 127 pixels has 6x6 cells and a search picture of 256 has 22x22, AlexNet's numbers.
    dilate: those stages look two and four times as far instead, as networks that were pretrained at stride 32 want it;
    the extra convolutions, which those do not know, keep their grid.
    """

    stride = 8

    def __init__(self, resnet: ResNet, crop: int = 5, dilate: bool = False):
        super().__init__()
        if resnet.fc is not None or crop < 0:
            raise ValueError(f"expected a ResNet with full_model=False and crop >= 0, got crop {crop}")
        self.resnet, self.crop, self.channels = resnet, crop, resnet.channels
        for name, factor in (("layer3", 2), ("layer4", 4)):
            _keep_size(resnet.get_submodule(name), factor if dilate else 1)

    def forward(self, x: Tensor) -> Tensor:
        found, crop = self.resnet.stages(x)[-1], self.crop
        height, width = found.shape[2:]
        if min(height, width) <= 2 * crop:
            raise ValueError(f"crop: {crop} cells on every side leave nothing of a map of {height} x {width}")
        return found[:, :, crop : height - crop, crop : width - crop]


def _keep_size(stage: nn.Module, dilation: int) -> None:
    """All of the stage at stride 1, a deformable convolution with the one that makes its offsets."""
    for name, layer in stage.named_modules():
        if hasattr(layer, "stride") and hasattr(layer, "weight"):
            layer.stride = (1, 1)
            if layer.kernel_size == (3, 3) and name.rpartition(".")[2] not in ("conv_offset", "extra"):
                layer.dilation = layer.padding = (dilation, dilation)
