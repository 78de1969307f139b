# SPDX-License-Identifier: Apache-2.0
"""Class-aware RPN with active convolutions in res5."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.rpn import class_aware
from lib.nets.looking import active

VARIANT = Variant(class_aware, active, two_stage=False)
