# SPDX-License-Identifier: Apache-2.0
"""R-FCN with deformable convolutions in res5 and ordinary pooling."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rfcn
from lib.nets.looking import deformable

VARIANT = Variant(rfcn, deformable)
