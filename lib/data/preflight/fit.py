# SPDX-License-Identifier: Apache-2.0
"""Whether the sizes of a data set's pictures suit what a configuration does with them."""

from __future__ import annotations

from collections import Counter

from lib.data import images
from lib.data.preflight.findings import Finding


def fit(sizes: Counter, scales, split: str, batch: int, crop: tuple[int, int] | None) -> list[Finding]:
    """sizes: how many pictures have a (height, width). crop: (height, width), None = whole pictures are used."""
    scaled: Counter = Counter()
    for (height, width), count in sizes.items():
        scaled[images.scaled_size(height, width, scales)] += count
    if crop:
        return [
            Finding("crop does not fit", split, f"{count} pictures are {w} x {h} under SCALES, the crop is "
                    f"{crop[1]} x {crop[0]}")
            for (h, w), count in scaled.items() if h < crop[0] or w < crop[1]
        ]  # fmt: skip
    if len(scaled) > 1 and batch > 1:
        listed = ", ".join(f"{count} of {w} x {h}" for (h, w), count in scaled.most_common(4))
        return [Finding("sizes differ under SCALES", split, f"{listed}; batches of {batch}")]
    return []
