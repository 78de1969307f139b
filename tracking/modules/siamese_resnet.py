# SPDX-License-Identifier: Apache-2.0
"""Siamese RPN on a ResNet's features at stride 8, whose border is cut off."""

from __future__ import annotations

from lib.looking.modules import Entry
from tracking.anchors import STRIDE

BLOCKS = {10: 1, 18: 2, 34: 3, 50: 3, 101: 3}
"""Of the last stage of a ResNet of that depth."""


def depth(net) -> int:
    """Of the ResNet."""
    return net.depth


def looking(net, boundary: str) -> list[Entry]:
    """The convolutions that learn where to look."""
    if net.deform not in ("existing", "extra"):
        return []
    far = 4 if net.dilate_stages and net.deform == "existing" else 1
    which = "conv2" if net.deform == "existing" else "extra"
    return [Entry(f"features.resnet.layer4.{block}.{which}", STRIDE, dilate=(far, far), pad=(far, far),
                  boundary=boundary) for block in range(BLOCKS[net.depth])]  # fmt: skip
