# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where, and as hard as, the features tell it to (Zhu et al. 2018, arXiv 1811.11168)."""

from __future__ import annotations

from lib.nets.looking import modulated

res5_branch2b = modulated
