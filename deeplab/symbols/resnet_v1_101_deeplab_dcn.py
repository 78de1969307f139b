# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 looks where the features tell it to (Dai et al. 2017, arXiv 1703.06211)."""

from __future__ import annotations

from lib.nets.looking import deformable

res5_branch2b = deformable
