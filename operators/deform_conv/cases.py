# SPDX-License-Identifier: Apache-2.0
"""The sizes at which the two deformable convolutions are tested."""

from __future__ import annotations

from operators.checks import inputs
from operators.checks.case import Case
from operators.checks.conv_cases import conv_cases, sample

DRAWERS = {"offset": inputs.offset, "mask": inputs.factor}
SAMPLES = {
    "DeformableConvolution": sample("DeformableConvolution", num_group=2, num_deformable_group=2),
    "ModulatedDeformableConvolution": sample("ModulatedDeformableConvolution", num_deformable_group=2),
}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.convolutions(operator)


_FILTER_SETS = [
    ("filter offset sets", (2, 4, 5, 6), dict(kernel=(3, 3), num_filter=6, num_offset_group=3, pad=(1, 1))),
    (
        "filter and channel offset sets across groups",
        (2, 8, 4, 5),
        dict(kernel=(2, 3), num_filter=8, num_group=2, num_offset_group=4, num_deformable_group=4, stride=(1, 2)),
    ),
    ("each filter its own offsets", (1, 40, 5, 4), dict(kernel=(3, 3), num_filter=4, num_offset_group=4, no_bias=True)),
]


def _cases(operator: str) -> list:
    return conv_cases(operator) + [Case(operator, name, data, attributes) for name, data, attributes in _FILTER_SETS]


def has_one_filter_set(case: Case) -> bool:
    """Whether other implementations can compute it: they know offset sets over the channels only."""
    return case.attributes.get("num_offset_group", 1) == 1


CASES = _cases("DeformableConvolution")
MODULATED_CASES = _cases("ModulatedDeformableConvolution")
