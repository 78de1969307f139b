# SPDX-License-Identifier: Apache-2.0
"""The sizes at which DynamicFilter is tested.

A band holds 1024 positions in whole rows, a block 8 channels. With a softmax the operator is not linear in the spatial
kernel, but smooth.
"""

from __future__ import annotations

from operators.checks.case import Case

DRAWERS: dict = {}
SMOOTH = {"samples": (1, 1), "softmax": True}


def _case(name: str, data: tuple, num_filter: int, busy: bool = False, **attributes) -> Case:
    attributes = {"num_filter": num_filter, **attributes}
    return Case("DynamicFilter", name, data, attributes, busy=busy, smooth=attributes.get("softmax", False))


SAMPLES = {
    "DynamicFilter": _case(
        "sample", (2, 3, 7, 6), 2, kernel=(3, 2), samples=(2, 3), sample_stride=(3, 2), fusion="mean"
    )
}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.dynamic_filters(operator)


CASES = [
    _case("3x3 at 3x3 samples", (2, 3, 7, 6), 2, samples=(3, 3), sample_stride=(2, 2)),
    _case("the paper's samples", (1, 4, 9, 11), 3),
    _case("a plain dynamic filter", (2, 2, 5, 6), 1, kernel=(5, 3), residual=False, **SMOOTH),
    _case("even numbers, mean", (2, 3, 8, 7), 2, kernel=(2, 4), samples=(2, 4), sample_stride=(3, 1), dilate=(2, 1),
          fusion="mean"),
    _case("attention at the output", (2, 3, 6, 8), 2, kernel=(3, 1), samples=(3, 2), dilate=(2, 1),
          attention_at="output", softmax=True, fusion="mean"),
    _case("one tap", (2, 5, 4, 5), 2, kernel=(1, 1), samples=(3, 3), sample_stride=(1, 2)),
    _case("one pixel", (2, 3, 1, 1), 2),
    _case("one row", (2, 2, 1, 9), 2, sample_stride=(1, 2)),
    _case("one column, taps and samples beyond it", (1, 3, 6, 1), 2, kernel=(3, 5), dilate=(4, 2), sample_stride=(7, 1),
          attention_at="output"),
    _case("bands and blocks", (2, 33, 19, 55), 2, True, samples=(3, 2), sample_stride=(4, 3)),
    _case("bands, attention at the output", (2, 9, 35, 30), 2, True, samples=(2, 3), kernel=(3, 2), softmax=True,
          fusion="mean", attention_at="output"),
]  # fmt: skip
