# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from operators.checks.pooling import PoolingTester
from operators.for_numpy import Operator
from operators.psroi_pool.cases import CASES, random_case


class TestPSROIPooling(PoolingTester):
    cases = CASES
    random_case = random_case("PSROIPooling")


MAP = np.arange(1.0, 21).reshape(1, 1, 4, 5)


def pooled(roi, pooled_size=1, scale=1.0, data=MAP):
    operator = Operator("PSROIPooling", spatial_scale=scale, output_dim=1, pooled_size=pooled_size, group_size=1)
    return operator.forward(data, np.array([[0.0, *roi]]))[0, 0]


@pytest.mark.parametrize(
    "roi, rows, columns",
    [
        ((1, 1, 2, 3), (1, 4), (1, 3)),  # x1, y1, x2, y2, ends included
        ((0.5, 1.5, 2.49, 2.5), (2, 4), (1, 3)),  # halves go away from zero
        ((-0.5, -0.5, 0, 0), (0, 1), (0, 1)),
        ((-9, -9, 9, 9), (0, 4), (0, 5)),
        ((2, 2, 1, 1), (2, 3), (2, 3)),  # turned around: 0.1 wide, and a bin takes what it touches
    ],
)
def test_rounding_ends_and_order_of_corners(roi, rows, columns):
    assert pooled(roi) == MAP[0, 0, slice(*rows), slice(*columns)].mean()


def test_corners_are_rounded_before_they_are_scaled():
    assert pooled((2.5, 0, 2.5, 0), scale=0.5) == MAP[0, 0, 0, 1]  # 1.5 to 2: pixel 1; 2.5 / 2 to 3.5 / 2 would be too
    assert pooled((3.5, 0, 3.5, 0), scale=0.5) == MAP[0, 0, 0, 2]  # 2 to 2.5; unrounded: 1.75 to 2.25, pixels 1 and 2


def test_bins_overlap_where_a_pixel_is_cut():
    assert (pooled((0, 0, 4, 0), pooled_size=2)[0] == [2, 4]).all()  # columns 0..2 and 2..4, row 0


def test_a_bin_outside_is_0():
    assert (pooled((3, 0, 6, 0), pooled_size=2) == [[MAP[0, 0, 0, 3:5].mean(), 0]] * 2).all()


def test_every_group_is_a_channel_of_its_own():
    """Channel (c * group_size + row) * group_size + column; the regions are in the images they name."""
    data = np.arange(2 * 12.0).reshape(2, 12, 1, 1) + np.zeros((1, 1, 4, 4))
    operator = Operator("PSROIPooling", spatial_scale=1.0, output_dim=3, pooled_size=2)
    out = operator.forward(data, np.array([[1.0, 0, 0, 3, 3], [0, 0, 0, 3, 3]]))
    assert (out == np.stack([12 + np.arange(12), np.arange(12)]).reshape(2, 3, 2, 2)).all()
