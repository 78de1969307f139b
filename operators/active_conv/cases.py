# SPDX-License-Identifier: Apache-2.0
"""The sizes at which ActiveConvolution is tested."""

from __future__ import annotations

from operators.checks import inputs
from operators.checks.case import Case
from operators.checks.conv_cases import conv_cases, sample

DRAWERS = {"offset": inputs.offset}
SAMPLES = {"ActiveConvolution": sample("ActiveConvolution", num_group=2, num_offset_group=3, num_deformable_group=2)}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.convolutions(operator)


def _case(name, data, attributes, **more):
    return Case("ActiveConvolution", name, data, attributes, **more)


CASES = [
    *conv_cases("ActiveConvolution"),
    _case("filter offset sets", (2, 3, 5, 4), dict(kernel=(2, 3), num_filter=6, pad=(1, 1), num_offset_group=3)),
    _case(
        "every filter its own offsets",
        (2, 4, 5, 4),
        dict(kernel=(3, 3), num_filter=5, pad=(1, 1), num_offset_group=5),
    ),
    _case(
        "every filter and channel its own offsets",
        (2, 3, 4, 4),
        dict(kernel=(2, 2), num_filter=4, num_offset_group=4, num_deformable_group=3),
    ),
    _case(
        "filter offset sets within groups",
        (1, 4, 5, 4),
        dict(kernel=(3, 2), num_filter=8, pad=(1, 0), num_group=2, num_offset_group=4),
    ),
    _case(
        "filter offset sets across groups and channel offset sets",
        (2, 12, 4, 5),
        dict(kernel=(2, 2), num_filter=12, num_group=2, num_offset_group=3, num_deformable_group=3),
    ),
    # With several filter offset sets, stride 1 and 8 channels or more, the kernels multiply first and sample then.
    _case(
        "filter offset sets, tall kernel, dilated",
        (2, 9, 6, 7),
        dict(kernel=(3, 2), num_filter=6, dilate=(2, 1), pad=(3, 1), num_offset_group=3),
    ),
    _case(
        "own offsets for every filter of two groups",
        (1, 16, 5, 4),
        dict(kernel=(3, 3), num_filter=4, pad=(1, 1), num_group=2, num_offset_group=4),
    ),
    _case(
        "filter and channel offset sets across wide groups",
        (2, 24, 4, 5),
        dict(kernel=(2, 2), num_filter=12, num_group=2, num_offset_group=3, num_deformable_group=3, no_bias=True),
    ),
    _case(
        "more filters than are multiplied at once",
        (2, 8, 4, 5),
        dict(kernel=(2, 1), num_filter=60, num_offset_group=2),
    ),
    _case(
        "filter offset sets on one row", (2, 8, 1, 7), dict(kernel=(1, 3), num_filter=4, pad=(0, 5), num_offset_group=2)
    ),
    _case(
        "filter offset sets on one pixel",
        (3, 8, 1, 1),
        dict(kernel=(3, 3), num_filter=2, pad=(1, 1), num_offset_group=2),
    ),
    # 65 of these images are more than are treated at once.
    _case("filter offset sets, wide map", (1, 8, 11, 13), dict(kernel=(2, 2), num_filter=2, num_offset_group=2)),
    _case(
        "normalized gradient",
        (2, 3, 5, 6),
        dict(kernel=(3, 3), num_filter=4, pad=(1, 1), num_offset_group=2, normalize_grad=True),
        no_derivative=("offset",),
    ),
    _case(
        "normalized gradient at a rate, two taps fixed",
        (2, 4, 5, 6),
        dict(
            kernel=(3, 3),
            num_filter=4,
            pad=(1, 1),
            num_deformable_group=2,
            normalize_grad=True,
            offset_lr_rate=0.05,
            fixed_taps=(4, 8),
        ),
        no_derivative=("offset",),
    ),
    _case(
        "gradient at a rate, centre fixed, no bias",
        (1, 3, 4, 6),
        dict(kernel=(3, 3), num_filter=4, pad=(1, 1), no_bias=True, offset_lr_rate=2.5, fixed_taps=(4,)),
        no_derivative=("offset",),
    ),
    _case(
        "filter offset sets and ragged tiles",
        (3, 35, 13, 17),
        dict(kernel=(3, 3), num_filter=8, pad=(1, 1), num_offset_group=4),
        busy=True,
    ),
]
