# SPDX-License-Identifier: Apache-2.0
"""Pictures that have one class each, as all readers of such data sets give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lib.data.picture_file import DatasetError


@dataclass(frozen=True)
class Labelled:
    """images: uint8 (N, h, w), or (N, h, w, 3) RGB. labels: int64 (N,), numbers in `class_names`. source: where they
    come from, for errors. zoom: float64 (N,), by which factor each was zoomed out, or None."""

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    source: str
    zoom: np.ndarray | None = None

    def __post_init__(self):
        count = len(self.images)
        if len(self.labels) != count or count == 0:
            raise DatasetError(
                f"{self.source}: {count} pictures and {len(self.labels)} labels; expected as many, not 0"
            )
        if self.labels.min() < 0 or self.labels.max() >= len(self.class_names):
            raise DatasetError(
                f"{self.source}: labels {self.labels.min()} to {self.labels.max()}, expected 0 to "
                f"{len(self.class_names) - 1}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        return 1 if self.images.ndim == 3 else self.images.shape[3]

    @property
    def records(self) -> range:
        """Numbers of the pictures."""
        return range(len(self))

    def image(self, number: int) -> np.ndarray:
        """One picture, uint8 (h, w, 3) RGB."""
        image = self.images[number]
        return np.stack([image] * 3, axis=-1) if image.ndim == 2 else image

    def first(self, count: int) -> Labelled:
        """The first `count` of them; 0 = all. Raises DatasetError if there are fewer."""
        if count > len(self):
            raise DatasetError(f"{self.source}: {len(self)} pictures, {count} are asked for")
        return self.chosen(range(count)) if count else self

    def chosen(self, numbers: Sequence[int]) -> Labelled:
        """Those of these numbers."""
        index = np.asarray(numbers, np.int64)
        zoom = None if self.zoom is None else self.zoom[index]
        return replace(self, images=self.images[index], labels=self.labels[index], zoom=zoom)


def joined(parts: Sequence[Labelled]) -> Labelled:
    """Several files of one data set."""
    images, labels = (np.concatenate([getattr(each, name) for each in parts]) for name in ("images", "labels"))
    return replace(parts[0], images=images, labels=labels)
