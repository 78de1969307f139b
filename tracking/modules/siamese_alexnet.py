# SPDX-License-Identifier: Apache-2.0
"""Siamese RPN on AlexNet's features, without padding: the original's."""

from __future__ import annotations

from lib.looking.modules import Entry
from tracking.anchors import STRIDE

CONVOLUTIONS = {"features.8": 27.0, "features.10": 35.0}
"""The last two: where in the picture the first pixel that they read has its middle."""


def depth(net) -> int:
    """Of a ResNet; there is none."""
    return 0


def looking(net, boundary: str) -> list[Entry]:
    """The convolutions that learn where to look."""
    if net.deform not in ("existing", "extra"):
        return []
    return [Entry(name, STRIDE, origin, pad=(0, 0), boundary=boundary, offset_bias=True)
            for name, origin in CONVOLUTIONS.items()]  # fmt: skip
