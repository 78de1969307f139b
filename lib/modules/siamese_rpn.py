# SPDX-License-Identifier: Apache-2.0
"""Siamese RPN (Li et al. 2018, CVPR, "High Performance Visual Tracking with Siamese Region Proposal Network").

One network sees the target once, the template, and a larger picture in which it must be found. The template becomes
filters, one set that scores boxes and one that moves them; the other picture is searched with both. Names and sizes
are those of songdejia/Siamese-RPN-pytorch (code_v1.0), whose 21,475,136 parameters load.
"""

from __future__ import annotations

from torch import Tensor, nn

from lib.modules.correlation import up_channel_correlation
from lib.modules.deforming import start_of

KERNEL = 3


class SiameseRPN(nn.Module):
    """Of a template (N, 3, t, t) and a search picture (N, 3, s, s): scores (N, 2 * anchors, h, w) and deltas (N, 4 *
    anchors, h, w).

    Channel 2 * a + c is what anchor a has for class c (0 background, 1 target); channel 4 * a + d its delta d, (dx, dy,
    dw, dh) of `lib.boxes.geometry.decode`. Cell (i, j) compares the template with the part of the search picture whose
    corner is features.stride * (i, j) pixels from its own.

    features: gives `channels` and `stride`. channels: of the maps that are compared. unused: also the original's two
    convolutions that nothing reads (cconv, rconv; 122,880 parameters). response: factor on what the comparison gives, a
    sum over channels and the cells of a filter; 1 in the paper. A small one makes the steps of its two sides as small
    as those of other layers.
    """

    def __init__(self, features: nn.Module, anchors: int = 5, channels: int = 256, unused: bool = False,
                 response: float = 1.0):  # fmt: skip
        super().__init__()
        inside = features.channels
        assert isinstance(inside, int)
        self.features, self._response = features, response
        self.conv1 = nn.Conv2d(inside, 2 * anchors * channels, KERNEL)
        self.conv2 = nn.Conv2d(inside, 4 * anchors * channels, KERNEL)
        self.conv3 = nn.Conv2d(inside, channels, KERNEL)
        self.conv4 = nn.Conv2d(inside, channels, KERNEL)
        if unused:
            self.cconv = nn.Conv2d(channels, 2 * anchors, 4, bias=False)
            self.rconv = nn.Conv2d(channels, 4 * anchors, 4, bias=False)
        for each in (self.conv1, self.conv2, self.conv3, self.conv4):
            start_of(each)

    def kernels(self, template: Tensor) -> tuple[Tensor, Tensor]:
        """The filters that a template becomes; all that a tracker keeps of it."""
        seen = self.features(template)
        return self.conv1(seen), self.conv2(seen)

    def respond(self, search: Tensor, kernels: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(scores, deltas) of search pictures under filters."""
        seen = self.features(search)
        return (
            self._response * up_channel_correlation(self.conv3(seen), kernels[0]),
            self._response * up_channel_correlation(self.conv4(seen), kernels[1]),
        )

    def compare(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """(scores, deltas) of search pictures, each with its own template."""
        return self.respond(search, self.kernels(template))
