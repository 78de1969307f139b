# SPDX-License-Identifier: Apache-2.0
"""R-FCN with ordinary convolutions and deformable PS RoI pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rfcn
from lib.nets.res5 import convolution

VARIANT = Variant(rfcn, convolution, moves_bins=True)
