# SPDX-License-Identifier: Apache-2.0
"""The parts of a pooled box stand where the operator reads them."""

from __future__ import annotations

import numpy as np
import pytest

from lib.looking.bins import moved_bins, regular_bins
from operators.core.reference_roi import box_of, sample_starts


def test_parts_of_a_box_divide_it():
    made = regular_bins([2.4, 10, 8.4, 21], 3)
    assert made.shape == (3, 3, 4)
    assert made[0, 0].tolist() == pytest.approx([2, 10, 2 + 7 / 3, 14])
    assert made[2, 1].tolist() == pytest.approx([2 + 7 / 3, 18, 2 + 14 / 3, 22])


@pytest.mark.parametrize("scale", [0.125, 0.0625])
def test_moved_parts_begin_at_the_operators_first_samples(scale):
    random, roi = np.random.default_rng(5), np.array([17.3, 8.6, 65, 46.2])
    trans = random.normal(size=(2, 4, 4))
    made, box = moved_bins(roi, trans, 0.1), box_of(np.array([0, *roi]), scale, -0.5, 4)
    for row, column in np.ndindex(4, 4):
        for axis, number, (first, last) in ((0, row, (1, 3)), (1, column, (0, 2))):
            start = sample_starts(box, axis, number, trans[1 - axis, row, column], 0.1)
            assert made[row, column, first] * scale - 0.5 == pytest.approx(start)
            assert (made[row, column, last] - made[row, column, first]) * scale == pytest.approx(box.bin[axis])
