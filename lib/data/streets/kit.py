# SPDX-License-Identifier: Apache-2.0
"""What streets in the folders of PASCAL VOC's development kit have in common: names, and the pictures to be made."""

from __future__ import annotations

from pathlib import Path

from lib.data.streets.write import Settings


def names(settings: Settings) -> dict[str, list[str]]:
    """{split: the names of its pictures}"""
    counts = {"train": settings.train, "val": settings.val}
    return {split: [name(split, number) for number in range(count)] for split, count in counts.items()}


def name(split: str, number: int) -> str:
    return f"{split}_{number:06d}"


def tasks(kit: Path, settings: Settings) -> list[tuple]:
    """(kit, seed, split, number, height, width) of every picture."""
    return [
        (kit, settings.seed, split, number, settings.height, settings.width)
        for split, every in names(settings).items()
        for number in range(len(every))
    ]
