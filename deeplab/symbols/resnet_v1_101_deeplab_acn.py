# SPDX-License-Identifier: Apache-2.0
"""DeepLab whose res5 learns where to look once for all positions (Jeon and Kim 2017, arXiv 1703.09076)."""

from __future__ import annotations

from lib.nets.looking import active

res5_branch2b = active
