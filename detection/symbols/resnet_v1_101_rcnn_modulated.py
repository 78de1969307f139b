# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN with modulated deformable convolutions in res5 and deformable RoI pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rcnn
from lib.nets.looking import modulated

VARIANT = Variant(rcnn, modulated, moves_bins=True)
