# SPDX-License-Identifier: Apache-2.0
"""AlexNet's convolutions without padding, as Siamese trackers take them (songdejia/Siamese-RPN-pytorch, code_v1.0)."""

from __future__ import annotations

from torch import nn

from lib.modules import deforming
from lib.modules.deforming import Settings

CHANNELS = (64, 192, 384, 256, 256)
"""Of the original's network, whose `width` is 64; others scale all of them."""


class SiameseAlexNet(nn.Sequential):
    """(N, 3, H, W) -> (N, channels, h, w) at stride 8: 127 -> 6, 255 and 256 -> 22, 271 -> 24.

    Children are numbered as there, no ReLU stands behind the last convolution. settings: reads `in_channels`, `width`
    and `deform`: '', or 'existing', where the last two convolutions deform. Raises ValueError for another form: one
    more 3x3 convolution would have to be padded, or leave too little of the template's 6x6 map.
    """

    stride = 8

    def __init__(self, settings: Settings):
        if settings.deform not in ("", "existing"):
            raise ValueError(f"deform: the Siamese AlexNet has the forms '' and 'existing', got {settings.deform!r}")
        one, two, three, four, five = (max(1, each * settings.width // 64) for each in CHANNELS)
        super().__init__(
            nn.Conv2d(settings.in_channels, one, 11, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(one, two, 5), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(two, three, 3), nn.ReLU(),
            _unpadded(three, four, settings), nn.ReLU(),
            _unpadded(four, five, settings),
        )  # fmt: skip
        self.channels = five
        deforming.start(self)


def _unpadded(inside: int, outside: int, settings: Settings) -> nn.Module:
    made = deforming.convolution(inside, outside, settings, bias=True)
    for each in made.modules():  # a deformable one has a convolution for its offsets
        assert isinstance(each, (nn.Conv2d, deforming.Deforming))
        each.padding = (0, 0)
    return made
