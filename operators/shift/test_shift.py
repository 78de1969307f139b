# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from operators.checks.tester import OperatorTester
from operators.for_numpy import Operator
from operators.shift.cases import CASES, random_case


class TestShift(OperatorTester):
    cases = CASES
    random_case = random_case("Shift")


@pytest.mark.parametrize("boundary", ["zero", "inside", "border"])
def test_whole_offsets_move_the_map(boundary):
    """dy is the first number, dx the second; out[y, x] = data[y + dy, x + dx]."""
    data = np.arange(1.0, 13).reshape(1, 1, 3, 4)
    edge = data if boundary == "border" else np.zeros_like(data)  # what stands outside the map next to its rows
    down = Operator("Shift", boundary=boundary).forward(data, np.array([[1.0, 0.0]]))
    right = Operator("Shift", boundary=boundary).forward(data, np.array([[0.0, 1.0]]))
    assert (down == np.concatenate([data[:, :, 1:], edge[:, :, -1:]], 2)).all()
    assert (right == np.concatenate([data[:, :, :, 1:], edge[:, :, :, -1:]], 3)).all()
