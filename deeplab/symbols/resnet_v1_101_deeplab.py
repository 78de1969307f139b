# SPDX-License-Identifier: Apache-2.0
"""DeepLab with ordinary convolutions; `net.res5_dilate` sets how far those of res5 look (the dilated baselines)."""

from __future__ import annotations

from lib.nets.res5 import convolution

res5_branch2b = convolution
