# SPDX-License-Identifier: Apache-2.0
"""The sizes at which Shift is tested."""

from __future__ import annotations

from operators.checks import inputs
from operators.checks.case import Case

DRAWERS = {"offset": inputs.offset}
SAMPLES = {"Shift": Case("Shift", "sample", (2, 4, 7, 6), {"boundary": "border"})}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.maps(operator)


CASES = [
    Case("Shift", "not square", (2, 3, 5, 7)),
    Case("Shift", "one pixel", (2, 3, 1, 1)),
    Case("Shift", "one row", (2, 4, 1, 9)),
    Case("Shift", "one column", (1, 4, 6, 1)),
    Case("Shift", "one image of one channel", (1, 1, 4, 4)),
    Case("Shift", "many channels", (2, 70, 3, 2)),
    Case("Shift", "more tasks than threads", (3, 37, 11, 9), busy=True),
]
