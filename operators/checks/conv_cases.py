# SPDX-License-Identifier: Apache-2.0
"""Sizes at which every convolution is tested, whatever its offsets are; a room adds what is its own.

num_filter is divisible by num_deformable_group throughout: stock MXNet's modulated operator wants it so, ours does not.
"""

from __future__ import annotations

from operators.checks.case import Case

# Channel blocks are at most 32 wide and tiles at most 168 positions long, so 40, 70 and 80 channels make several blocks
# and 221 or 323 positions make a ragged last tile.
_SIZES = [
    ("3x3", (2, 4, 5, 6), dict(kernel=(3, 3), num_filter=6, pad=(1, 1))),
    (
        "nothing square",
        (2, 6, 7, 5),
        dict(kernel=(2, 3), num_filter=4, stride=(2, 1), pad=(1, 2), dilate=(1, 2)),
    ),
    ("stride over unread pixels", (1, 3, 8, 9), dict(kernel=(3, 2), num_filter=2, stride=(3, 4), pad=(2, 0))),
    ("1x1 kernel, no bias", (2, 5, 4, 3), dict(kernel=(1, 1), num_filter=3, no_bias=True)),
    ("one pixel", (3, 2, 1, 1), dict(kernel=(3, 3), num_filter=2, pad=(1, 1))),
    ("one row", (2, 3, 1, 7), dict(kernel=(1, 3), num_filter=2, pad=(0, 1))),
    ("kernel as large as the map", (3, 2, 3, 4), dict(kernel=(3, 4), num_filter=3)),
    ("padding wider than the map", (1, 2, 2, 3), dict(kernel=(3, 3), num_filter=2, pad=(4, 5), dilate=(2, 2))),
    ("groups", (2, 6, 5, 4), dict(kernel=(3, 3), num_filter=9, num_group=3, pad=(1, 1))),
    ("as many groups as channels", (2, 4, 4, 5), dict(kernel=(3, 3), num_filter=4, num_group=4, pad=(1, 1))),
    ("channel offset sets", (2, 6, 4, 5), dict(kernel=(2, 2), num_filter=3, num_deformable_group=3)),
    (
        "offset sets across groups",
        (1, 12, 4, 5),
        dict(kernel=(2, 3), num_filter=6, num_group=2, num_deformable_group=3, pad=(1, 1)),
    ),
    ("40 channels, odd sizes", (2, 40, 5, 3), dict(kernel=(3, 3), num_filter=5, pad=(1, 1))),
    ("40 channels in each of 2 groups", (1, 80, 4, 5), dict(kernel=(2, 2), num_filter=4, num_group=2)),
]
_BUSY = [
    # Waves of images in float64 forward under the smallest workspace.
    ("blocks and ragged tiles", (3, 70, 17, 19), dict(kernel=(3, 3), num_filter=8, pad=(1, 1))),
    # 8 blocks: under the smallest workspace 2 + 1 images at a time in float32, slabs of one tile in float64.
    (
        "offset sets and ragged tiles",
        (3, 8, 13, 17),
        dict(kernel=(3, 3), num_filter=8, pad=(1, 1), num_deformable_group=8, no_bias=True),
    ),
]


def sample(operator: str, **attributes) -> Case:
    """One small convolution with nothing square about it."""
    lopsided = {"kernel": (3, 2), "stride": (2, 1), "dilate": (1, 2), "pad": (1, 2), "num_filter": 6}
    return Case(operator, "sample", (2, 4, 7, 6), {**lopsided, **attributes})


def conv_cases(operator: str) -> list:
    """The list of Case for a convolution."""
    quiet = [Case(operator, name, data, attributes) for name, data, attributes in _SIZES]
    return quiet + [Case(operator, name, data, attributes, busy=True) for name, data, attributes in _BUSY]
