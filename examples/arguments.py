# SPDX-License-Identifier: Apache-2.0
"""Types of arguments that are told as wrong before anything is trained."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.strip().isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def picture(text: str) -> Path:
    """A file that Matplotlib can write."""
    path, known = Path(text), FigureCanvasBase.filetypes
    if path.suffix.lstrip(".").lower() not in known:
        raise ArgumentTypeError(f"expected a file ending in .{', .'.join(sorted(known))}, got {text!r}")
    return path
