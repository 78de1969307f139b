# SPDX-License-Identifier: Apache-2.0
"""Class-aware RPN with ordinary convolutions; `net.res5_dilate` sets how far res5 looks."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.rpn import class_aware
from lib.nets.res5 import convolution

VARIANT = Variant(class_aware, convolution, two_stage=False)
