# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN with ordinary convolutions and deformable RoI pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rcnn
from lib.nets.res5 import convolution

VARIANT = Variant(rcnn, convolution, moves_bins=True)
