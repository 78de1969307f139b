# SPDX-License-Identifier: Apache-2.0
"""The library speaks of arguments by their MXNet names; this is how PyTorch's call them."""

from __future__ import annotations

import re

_NAMES = {
    "attribute": "argument",
    "data": "input",
    "rois": "boxes",
    "kernel": "kernel_size",
    "num_filter": "out_channels",
    "pad": "padding",
    "dilate": "dilation",
    "num_group": "groups",
    "num_deformable_group": "deformable_groups",
    "num_offset_group": "offset_groups",
    "pooled_size": "output_size",
    "output_dim": "the channels of the output",
    "no_bias": "bias=None",
}
_WORD = re.compile(r"\b(" + "|".join(_NAMES) + r")\b")


def for_torch(message: str) -> str:
    """`ActiveConvolution: data must ...` becomes `input must ...`; the caller puts its own name before it."""
    _, _, text = message.partition(": ")
    return _WORD.sub(lambda match: _NAMES[match[1]], text or message)
