# SPDX-License-Identifier: Apache-2.0
"""Keeps what was read from a data set, if all of it takes little memory."""

from __future__ import annotations

from collections.abc import Callable

KEPT_BYTES = 256 << 20
"""Decoded pictures are kept if the whole set takes no more than this; Cityscapes (24 GB) is read anew each epoch."""


class Keep:
    """read: (index) -> a tuple whose arrays count. count: of the set; the first one read tells how much all take."""

    def __init__(self, read: Callable[[int], tuple], count: int):
        self._read, self._count = read, count
        self._kept: dict[int, tuple] = {}
        self._fits: bool | None = None

    def __call__(self, index: int) -> tuple:
        if index in self._kept:
            return self._kept[index]
        made = self._read(index)
        if self._fits is None:
            self._fits = self._count * sum(getattr(each, "nbytes", 0) for each in made) <= KEPT_BYTES
        if self._fits:
            self._kept[index] = made
        return made
