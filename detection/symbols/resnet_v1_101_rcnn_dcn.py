# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN with deformable convolutions in res5 and deformable RoI pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rcnn
from lib.nets.looking import deformable

VARIANT = Variant(rcnn, deformable, moves_bins=True)
