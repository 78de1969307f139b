# SPDX-License-Identifier: Apache-2.0
"""The label table of PASCAL VOC's segmentation: 21 classes, background first, and the colours of its PNG files."""

from __future__ import annotations

import numpy as np

IGNORE = 255
"""What stands in a label file where the class is not told: around objects, and on difficult ones."""

CLASS_NAMES: tuple[str, ...] = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""Class names in the order of their numbers in the label files."""


def colours(count: int) -> np.ndarray:
    """(count, 3) uint8 by the rule of VOC's development kit: bits 0, 3, 6 of the class are the high bits of red, 1, 4,
    7 of green, ..."""
    table = np.zeros((count, 3), np.uint8)
    number = np.arange(count)
    for bit in range(8):
        for channel in range(3):
            table[:, channel] |= ((number >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return table


PALETTE: np.ndarray = colours(256)
"""(256, 3) uint8: the colour of each number in a label file; 255 is cream."""
