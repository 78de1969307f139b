# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from operators.checks.pooling import PoolingTester
from operators.deform_psroi_pool.cases import CASES, random_case
from operators.for_numpy import Operator


class TestDeformablePSROIPooling(PoolingTester):
    cases = CASES
    random_case = random_case("DeformablePSROIPooling")


# value = 10 y + x, so that a sample tells its place
MAP = (10 * np.arange(6.0)[:, None] + np.arange(7.0))[None, None]
ATTRIBUTES = {"spatial_scale": 1.0, "output_dim": 1, "group_size": 1, "trans_std": 1.0}


def pooled(roi, trans=None, data=MAP, **attributes):
    operator = Operator("DeformablePSROIPooling", **{**ATTRIBUTES, **attributes}, no_trans=trans is None)
    arrays = [data, np.array([[0.0, *roi]]), *([] if trans is None else [np.array([trans], float)])]
    return operator.forward(*arrays)[0]


def test_one_sample_stands_on_the_corner_of_its_bin():
    assert (pooled((1, 2, 4, 5), pooled_size=2)[0] == [[15.5, 17.5], [35.5, 37.5]]).all()  # from (1.5, 0.5), 2 apart


def test_samples_divide_the_bin():
    places = [10 * (1.5 + i) + 0.5 + j for i in (0, 1) for j in (0, 1)]
    assert pooled((1, 2, 2, 3), pooled_size=1, sample_per_part=2)[0, 0, 0] == np.mean(places)


def test_trans_is_x_then_y_in_sizes_of_the_region():
    still = pooled((1, 2, 4, 3), pooled_size=1)[0, 0, 0]  # 4 wide, 2 high
    assert pooled((1, 2, 4, 3), [[[0.5]], [[0]]], pooled_size=1)[0, 0, 0] == still + 0.5 * 4
    assert pooled((1, 2, 4, 3), [[[0]], [[0.5]]], pooled_size=1)[0, 0, 0] == still + 0.5 * 2 * 10


def test_each_class_has_its_own_trans():
    data = np.repeat(MAP, 4, axis=1)
    trans = np.zeros((4, 1, 1))
    trans[2] = 0.5  # class 1, x
    out = pooled((1, 1, 2, 2), trans, data=data, output_dim=4, pooled_size=1)[:, 0, 0]
    assert (out - out[0] == [0, 0, 1, 1]).all()


def test_half_a_pixel_outside_still_counts_and_beyond_that_nothing_does():
    """At -1/2 the sample is moved to the edge; 1/32 further out it does not count, here one of two along x."""
    edge = pooled((0, 3, 3, 3), pooled_size=1, sample_per_part=2)  # x = -0.5 and 1.5, y = 2.5 and 3
    assert edge[0, 0, 0] == np.mean([10 * y + x for y in (2.5, 3) for x in (0, 1.5)])
    beyond = pooled((0, 3, 3, 3), [[[-1 / 128]], [[0]]], pooled_size=1, sample_per_part=2)
    assert beyond[0, 0, 0] == np.mean([10 * y + 1.5 - 1 / 32 for y in (2.5, 3)])


@pytest.mark.parametrize("axis", [0, 1])
def test_on_a_cell_the_derivative_along_that_axis_is_0(axis):
    operator = Operator("DeformablePSROIPooling", **ATTRIBUTES, pooled_size=1)
    rois, trans = np.array([[0.0, 1, 1, 4, 4]]), np.full((1, 2, 1, 1), 1 / 16)  # samples at (0.75, 0.75)
    trans[0, axis] = 1 / 8  # at 1
    gradient = operator.backward(np.ones((1, 1, 1, 1)), MAP, rois, trans)[2].ravel()
    assert gradient[axis] == 0
    assert gradient[1 - axis] == 4 * (10 if axis == 0 else 1)  # the size of the region times the slope
