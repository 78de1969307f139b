# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from detection.dilations import by_kind, kind_map, table
from lib.data.boxes import objects
from lib.looking.effective_dilation import centres, effective_dilation
from lib.looking.look import Layer
from lib.looking.places import Geometry

GEOMETRY = Geometry((3, 3), (1, 1), (2, 2), (2, 2), (8.0, 8.0), (3.0, 3.0), (4, 6), (4, 6))


def layer(offset) -> Layer:
    return Layer("res5a_branch2b", "deformable", GEOMETRY, offset)


def test_a_regular_grid_has_its_dilation_wherever_it_is_moved():
    offset = np.zeros((2, 9, 2, 4, 6))
    assert np.array_equal(effective_dilation(layer(offset)), np.full((4, 6), 2.0))
    assert np.allclose(effective_dilation(layer(offset + 1.5)), 2)


def test_one_tap_that_moves_changes_its_two_pairs():
    offset = np.zeros((1, 9, 2, 4, 6))
    offset[
        0, 0, 1, 1, 2
    ] = -3  # the upper left tap, 3 to the left: 5 from its neighbour, hypot(2, 3) from the one below
    made = effective_dilation(layer(offset))
    assert made[1, 2] == (10 * 2 + 5 + np.hypot(2, 3)) / 12 and made[0, 0] == 2


def test_a_grid_twice_as_wide_looks_twice_as_far():
    grid = 2.0 * (np.indices((3, 3)) - 1).reshape(2, 9).T
    assert np.allclose(effective_dilation(layer(np.tile(grid[None, :, :, None, None], (1, 1, 1, 4, 6)))), 4)


def test_the_middle_of_a_cell():
    assert centres(layer(np.zeros((1, 9, 2, 4, 6))))[1, 2].tolist() == [11, 19]


def test_cells_are_told_apart_by_the_object_under_them():
    found = objects([((0, 0, 9, 9), 1, False), ((0, 0, 39, 31), 2, False)])
    kinds = kind_map(found, (32, 48), small=20, large=30)
    assert kinds[5, 5] == 0 and kinds[20, 20] == 2 and kinds[5, 45] == 3  # 10 x 10, 40 x 32, nothing
    offset = np.zeros((1, 9, 2, 4, 6))
    offset[:, :, :, 0, 0] = 2.0 * (np.indices((3, 3)) - 1).reshape(2, 9).T
    rows = by_kind(layer(offset), kinds, zoom=1.0)
    assert rows.shape == (24, 2) and rows[0].tolist() == [0, 4] and rows[5].tolist() == [3, 2]
    assert by_kind(layer(offset), kinds[:16], zoom=1.0).shape == (12, 2)
    lines = table({"res5a_branch2b": [rows]})
    assert lines[1].split() == ["res5a_branch2b", "4.0", "+-", "0.0", "-", "2.0", "+-", "0.0", "2.0", "+-", "0.0"]
