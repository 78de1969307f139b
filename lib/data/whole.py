# SPDX-License-Identifier: Apache-2.0
"""The pictures of a data set whose pixels have classes, whole, at the size that a network sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.data import images


def whole(ds, cfg) -> Iterator[dict[str, np.ndarray]]:
    """{"data": float32 (1, 3, h, w), "label": float32 (1, h, w)} of every picture, one by one.

    ds: with `records` and `pair`. cfg: reads SCALES and what `images.to_tensor` reads.
    """
    for image, truth in (scaled_pair(ds, record, cfg) for record in ds.records):
        yield {"data": images.to_tensor(image, cfg)[None], "label": truth[None].astype(np.float32)}


def scaled_pair(ds, record, cfg) -> tuple[np.ndarray, np.ndarray]:
    """Picture and truth of a record at the size of cfg.SCALES, uint8 (h, w, 3) and (h, w)."""
    image, truth = ds.pair(record)
    height, width = truth.shape
    size = images.scaled_size(height, width, cfg.SCALES)
    return images.resize_image(image, size), images.resize_label(truth, size)
