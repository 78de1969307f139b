# SPDX-License-Identifier: Apache-2.0
"""R-FCN with ordinary convolutions and pooling, whose head sees, beside res5, what dynamic filters make of it
(Wu et al. 2018, arXiv 1803.07624)."""

from __future__ import annotations

from detection.symbols import Variant
from detection.symbols.two_stage import rfcn
from lib.nets.res5 import convolution

VARIANT = Variant(rfcn, convolution, filters=True)
