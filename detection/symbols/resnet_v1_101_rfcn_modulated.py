# SPDX-License-Identifier: Apache-2.0
"""R-FCN with modulated deformable convolutions in res5 and deformable PS RoI pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rfcn
from lib.nets.looking import modulated

VARIANT = Variant(rfcn, modulated, moves_bins=True)
