# SPDX-License-Identifier: Apache-2.0
"""Pictures one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO


def gif(frames: Sequence, milliseconds: int, hold: int = 1) -> bytes:
    """A GIF of PIL images that begins anew for ever, with the last one `hold` times as long as the others.

    Raises ValueError if there are none.
    """
    if not frames:
        raise ValueError("expected at least one picture")
    duration = [milliseconds] * (len(frames) - 1) + [hold * milliseconds]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=list(frames[1:]), duration=duration, loop=0, optimize=True)
    return out.getvalue()
