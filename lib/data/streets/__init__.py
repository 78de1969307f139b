# SPDX-License-Identifier: Apache-2.0
"""Streets: a generated stand-in for Cityscapes, in its folder and file format, where sampling positions matter.

docs/streets.md shows the scenes and tells their grammar. On the command line:

    python -m lib.data.streets OUT --train 200 --val 40 --size 128x192 --seed 7
"""

from __future__ import annotations

from lib.data.streets.scene import GRAMMAR, render
from lib.data.streets.write import Settings, generate

__all__ = ["GRAMMAR", "Settings", "generate", "render"]
