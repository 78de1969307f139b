# SPDX-License-Identifier: Apache-2.0
"""How wide the control of LS-DFN is: ordinary convolutions that have as many parameters as the block."""

from __future__ import annotations

import math

from lib.config.dynamic_filter import LSDFN


def parameters(inputs: int, section: LSDFN) -> int:
    """Numbers that the LS-DFN block on `inputs` channels has, and its 1x1 convolution behind it."""
    channels, total = {"": inputs}, section.post * (section.num_filter + 1)
    for layer in section.block().layers():
        channels[layer.name] = layer.channels
        total += layer.channels * (channels[layer.reads] * layer.kernel**2 + 1)
    return total


def equal_channels(inputs: int, section: LSDFN) -> int:
    """Channels h of two 3x3 convolutions that, with the 1x1 one, have about as many numbers: 9 h^2 + (9 inputs + 2 +
    post) h, and post."""
    linear = 9 * inputs + 2 + section.post
    wanted = parameters(inputs, section) - section.post
    return max(1, round((math.sqrt(linear**2 + 36 * wanted) - linear) / 18))
