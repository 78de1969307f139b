# SPDX-License-Identifier: Apache-2.0
"""The sizes at which DeformablePSROIPooling is tested; operators/psroi_pool/cases.py says what the blocks are."""

from __future__ import annotations

from operators.checks.case import Case
from operators.checks.roi_inputs import Moves, Regions, sampled

_REGIONS = Regions(-0.5, sampled)
DRAWERS = {"rois": _REGIONS, "trans": Moves(_REGIONS)}


def random_case(operator: str):
    from operators.checks import random_cases  # wants hypothesis

    return random_cases.moved_poolings(operator)


def _case(name: str, data: tuple, regions: int, classes: int, busy=False, **attributes) -> Case:
    """classes : 0 for no_trans"""
    given, parts = {"rois": (regions, 5)}, attributes.get("part_size") or attributes["pooled_size"]
    if classes:
        given["trans"] = (regions, 2 * classes, parts, parts)
    else:
        attributes["no_trans"] = True
    return Case("DeformablePSROIPooling", name, data, attributes, busy=busy, no_derivative=("rois",), given=given)


CASES = [
    _case(
        "a group per bin", (2, 18, 7, 9), 5, 1,
        spatial_scale=0.25, output_dim=2, group_size=3, pooled_size=3, sample_per_part=2, trans_std=0.125,
    ),
    _case(
        "deformable RoI pooling", (2, 5, 6, 9), 4, 1,
        spatial_scale=0.5, output_dim=5, group_size=1, pooled_size=2, sample_per_part=3, trans_std=0.1,
    ),
    _case(
        "trans for each class", (1, 24, 8, 7), 3, 3,
        spatial_scale=0.5, output_dim=6, group_size=2, pooled_size=2, sample_per_part=2, trans_std=0.25,
    ),
    _case(
        "as many classes as channels", (1, 3, 5, 6), 3, 3,
        spatial_scale=1.0, output_dim=3, group_size=1, pooled_size=2, trans_std=0.1,
    ),
    _case(
        "no trans", (2, 8, 5, 7), 4, 0,
        spatial_scale=0.25, output_dim=2, group_size=2, pooled_size=2, part_size=1, sample_per_part=4,
    ),
    _case(
        "fewer parts than bins", (1, 9, 6, 6), 2, 1,
        spatial_scale=0.5, output_dim=1, group_size=3, pooled_size=4, part_size=2, sample_per_part=2, trans_std=0.125,
    ),
    _case(
        "more parts than bins", (1, 2, 6, 5), 2, 1,
        spatial_scale=0.5, output_dim=2, group_size=1, pooled_size=2, part_size=3, sample_per_part=2, trans_std=0.125,
    ),
    _case(
        "one pixel", (2, 4, 1, 1), 4, 1,
        spatial_scale=0.0625, output_dim=1, group_size=2, pooled_size=2, sample_per_part=2, trans_std=0.5,
    ),
    _case(
        "one row, one bin", (1, 3, 1, 9), 4, 1,
        spatial_scale=0.5, output_dim=3, group_size=1, pooled_size=1, sample_per_part=4, trans_std=0.1,
    ),
    _case(
        "one region on large maps", (2, 12, 21, 23), 1, 1,
        spatial_scale=0.125, output_dim=3, group_size=2, pooled_size=2, sample_per_part=2, trans_std=0.1,
    ),
    _case(
        "trans_std 0, more channels than a block", (1, 37, 5, 4), 2, 1,
        spatial_scale=0.5, output_dim=37, group_size=1, pooled_size=2, sample_per_part=2,
    ),
    _case(
        "blocks, classes and regions", (2, 280, 9, 8), 20, 2, True,
        spatial_scale=0.5, output_dim=70, group_size=2, pooled_size=2, sample_per_part=2, trans_std=0.125,
    ),
]  # fmt: skip
SAMPLES = {
    "DeformablePSROIPooling": _case(
        "sample", (2, 18, 7, 6), 3, 2,
        spatial_scale=0.5, output_dim=2, group_size=3, pooled_size=3, part_size=2, sample_per_part=2, trans_std=0.125,
    )
}  # fmt: skip
