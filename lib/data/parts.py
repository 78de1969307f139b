# SPDX-License-Identifier: Apache-2.0
"""What of every batch one of several workers makes."""

from __future__ import annotations


def part_of(batch: int, part: tuple[int, int]) -> slice:
    """The k-th (from 0) of n equal parts of a batch of so many, part: (k, n). Raises ValueError if there is none."""
    number, parts = part
    if batch % parts or not 0 <= number < parts:
        raise ValueError(f"part: a batch of {batch} has no part {number} of {parts} equal ones")
    return slice(number * batch // parts, (number + 1) * batch // parts)
