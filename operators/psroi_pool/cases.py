# SPDX-License-Identifier: Apache-2.0
"""The sizes at which PSROIPooling is tested.

A block of maps is made channel-last where many bins read it, and read in place where few do; blocks hold at most 32
channels.
"""

from __future__ import annotations

from operators.checks.case import Case
from operators.checks.roi_inputs import Regions
from operators.core.reference_roi import span


def _seen(box, axis: int, number: int, case: Case):
    return span(box.start[axis], box.bin[axis], number, case.data[2 + axis])


DRAWERS = {"rois": Regions(0, _seen)}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.poolings(operator)


def _case(name: str, data: tuple, regions: int, busy=False, **attributes) -> Case:
    given = {"rois": (regions, 5)}
    return Case("PSROIPooling", name, data, attributes, busy=busy, no_derivative=("rois",), given=given)


CASES = [
    _case("a group per bin", (2, 18, 7, 9), 5, spatial_scale=0.25, output_dim=2, pooled_size=3),
    _case("average RoI pooling", (2, 5, 6, 9), 4, spatial_scale=0.5, output_dim=5, pooled_size=2, group_size=1),
    _case("bins that share groups", (1, 8, 8, 7), 3, spatial_scale=1.0, output_dim=2, pooled_size=5, group_size=2),
    _case("groups that no bin reads", (1, 32, 5, 6), 3, spatial_scale=0.5, output_dim=2, pooled_size=2, group_size=4),
    _case("one pixel", (2, 4, 1, 1), 4, spatial_scale=0.0625, output_dim=1, pooled_size=2),
    _case("one row, one bin", (1, 3, 1, 9), 4, spatial_scale=0.5, output_dim=3, pooled_size=1),
    _case("one region on large maps", (3, 12, 21, 23), 1, spatial_scale=0.125, output_dim=3, pooled_size=2),
    _case(
        "more channels than a block", (1, 37, 5, 4), 3, spatial_scale=0.5, output_dim=37, pooled_size=2, group_size=1
    ),
    _case(
        "blocks and regions", (3, 140, 13, 11), 40, True, spatial_scale=0.5, output_dim=35, pooled_size=3, group_size=2
    ),
]
SAMPLES = {
    "PSROIPooling": _case("sample", (2, 18, 7, 6), 3, spatial_scale=0.5, output_dim=2, pooled_size=4, group_size=3)
}
