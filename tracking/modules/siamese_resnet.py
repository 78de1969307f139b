# SPDX-License-Identifier: Apache-2.0
"""A ResNet at stride 8 with its border cut off, see `lib.modules.siamese_resnet`."""

from __future__ import annotations

from lib.looking.modules import Entry

BLOCKS = {10: 1, 18: 2, 34: 3, 50: 3, 101: 3}
"""Of the last stage of a ResNet of that depth."""


def depth(net) -> int:
    """What the torch module calls it."""
    return net.depth


def features_side(net, side: int) -> int:
    """Cells along a side of the features of a picture of so many pixels; below 1 if it is too small."""
    return -(-side // 8) - 2 * net.crop


def looking(net) -> list[Entry]:
    """Its layers that learn where to look."""
    if net.deform not in ("existing", "extra"):
        return []
    far = 4 if net.dilate_stages and net.deform == "existing" else 1
    which = "conv2" if net.deform == "existing" else "extra"
    return [Entry(f"features.resnet.layer4.{block}.{which}", 8.0, dilate=(far, far), pad=(far, far),
                  boundary=net.boundary or "inside") for block in range(BLOCKS[net.depth])]  # fmt: skip
