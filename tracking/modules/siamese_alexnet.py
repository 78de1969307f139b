# SPDX-License-Identifier: Apache-2.0
"""AlexNet's convolutions without padding, see `lib.modules.siamese_alexnet`."""

from __future__ import annotations

from lib.looking.modules import Entry

LAYERS = ((11, 2), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1))
"""(kernel, stride) of its convolutions and poolings."""
ORIGINS = {"features.8": 27.0, "features.10": 35.0}
"""Of its last two convolutions: where in the picture the first pixel that they read has its middle."""


def depth(net) -> int:
    """What the torch module calls it."""
    return 0


def features_side(net, side: int) -> int:
    """Cells along a side of the features of a picture of so many pixels; below 1 if it is too small."""
    for kernel, stride in LAYERS:
        side = (side - kernel) // stride + 1
    return side


def looking(net) -> list[Entry]:
    """Its layers that learn where to look."""
    if net.deform != "existing":
        return []
    boundary = net.boundary or "inside"
    return [Entry(name, 8.0, origin, pad=(0, 0), boundary=boundary, offset_bias=True)
            for name, origin in ORIGINS.items()]  # fmt: skip
