# SPDX-License-Identifier: Apache-2.0
"""The dense CRF behind a segmentation, as a section of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass
class Crf:
    """Defaults, except for the iterations, are DeepLabV2's on PASCAL VOC (kazuto1011/deeplab-pytorch)."""

    AT_LEAST: ClassVar = {
        "TEST.crf.iterations": 0, "TEST.crf.smooth_weight": 0, "TEST.crf.colour_weight": 0, "TEST.crf.smooth_std": 1e-3,
        "TEST.crf.position_std": 1e-3, "TEST.crf.colour_std": 1e-3,
    }  # fmt: skip

    iterations: int = 0  # of mean field; 0 = no CRF; DeepLabV2 has 10
    smooth_weight: float = 3.0  # what neighbours of different classes cost
    smooth_std: float = 1.0  # how far neighbours are, pixels
    colour_weight: float = 4.0  # what pixels of like colour and different classes cost
    position_std: float = 67.0  # how far those may be, pixels
    colour_std: float = 3.0  # how alike, grey levels
