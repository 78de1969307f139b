# SPDX-License-Identifier: Apache-2.0
"""Streets: a generated stand-in for Cityscapes, in its folder and file format, where sampling positions matter.

docs/streets.md shows the scenes and tells their grammar. On the command line:

    python -m deeplab.dataset.streets OUT --train 200 --val 40 --size 128x192 --seed 7
"""

from __future__ import annotations

from deeplab.dataset.streets.scene import GRAMMAR, render
from deeplab.dataset.streets.write import Settings, generate

__all__ = ["GRAMMAR", "Settings", "generate", "render"]
