# SPDX-License-Identifier: Apache-2.0
"""The Cityscapes label table, as cityscapesScripts defines it: label ids, the 19 train ids, names and colours."""

from __future__ import annotations

import numpy as np
from cityscapesscripts.helpers.labels import labels as _LABELS

IGNORE = 255
"""The train id of pixels that neither train nor count."""


def ignored(classes: int) -> int:
    """What stands for them in a map of so many classes: IGNORE, unless that is a class."""
    return max(IGNORE, classes)


_CLASSES = sorted((row for row in _LABELS if 0 <= row.trainId < IGNORE), key=lambda row: row.trainId)

CLASS_NAMES: tuple[str, ...] = tuple(row.name for row in _CLASSES)
"""Class names in the order of their train ids."""

LABEL_IDS: tuple[int, ...] = tuple(row.id for row in _CLASSES)
"""The label id of each train id."""

ID_OF_NAME: dict[str, int] = {row.name: row.id for row in _LABELS if row.id >= 0}
"""Every label that a labelIds picture may hold (34 of them), by name."""


def _train_ids() -> np.ndarray:
    table = np.full(256, IGNORE, np.uint8)
    for row in _LABELS:
        if row.id >= 0:
            table[row.id] = row.trainId
    return table


def _palette() -> np.ndarray:
    table = np.zeros((256, 3), np.uint8)
    for row in _CLASSES:
        table[row.trainId] = row.color
    return table


TRAIN_ID_OF_LABEL_ID: np.ndarray = _train_ids()
"""(256,) uint8: train id, or IGNORE, of a label id."""

PALETTE: np.ndarray = _palette()
"""(256, 3) uint8: the Cityscapes colour of each train id; black where there is no class."""
