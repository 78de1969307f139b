# SPDX-License-Identifier: Apache-2.0
"""Class-aware RPN with modulated deformable convolutions in res5."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.rpn import class_aware
from lib.nets.looking import modulated

VARIANT = Variant(class_aware, modulated, two_stage=False)
