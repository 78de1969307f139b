# SPDX-License-Identifier: Apache-2.0
"""The boundary rules by hand: values and right-hand derivatives worked out on paper, for kernels and reference."""

from __future__ import annotations

import numpy as np
import pytest

from operators.checks import backends
from operators.checks.case import Case
from operators.core.reference_bilinear import BOUNDARIES, sampling, scatter, tents

MAP = np.array([[1.0, 2, 4], [8, 16, 32]])
NAN, INF, E = np.nan, np.inf, 2.0**-10

# (y, x): value, d/dy, d/dx
ZERO = {
    (0, 0): (1, 7, 1),
    (0.25, 0.5): (4.125, 10.5, 2.75),
    (-1, 0): (0, 1, 0),
    (-1 - E, 0): (0, 0, 0),
    (-1 + E, 0): (E, 1, E),
    (-0.5, 0): (0.5, 1, 0.5),
    (-E, 0): (1 - E, 1, 1 - E),
    (1, 0): (8, -8, 8),
    (1 - E, 0): (8 - 7 * E, 7, 8 - 7 * E),
    (1.5, 0): (4, -8, 4),
    (2 - E, 0): (8 * E, -8, 8 * E),
    (2, 0): (0, 0, 0),
    (0, -1): (0, 0, 1),
    (0, 2): (4, 28, -4),
    (0, 2.5): (2, 14, -4),
    (0, 3): (0, 0, 0),
    (-0.5, -0.5): (0.25, 0.5, 0.5),
    (1.5, 2.5): (8, -16, -16),
    (INF, 0): (0, 0, 0),
    (0, -INF): (0, 0, 0),
    (1e30, -1e30): (0, 0, 0),
}
INSIDE = {
    (0, 0): (1, 7, 1),
    (0.25, 0.5): (4.125, 10.5, 2.75),
    (-E, 0): (0, 0, 0),
    (0, -E): (0, 0, 0),
    (1 - E, 0): (8 - 7 * E, 7, 8 - 7 * E),
    (1, 0): (8, 0, 8),
    (1.5, 0): (8, 0, 8),
    (2 - E, 0): (8, 0, 8),
    (2, 0): (0, 0, 0),
    (0, 2): (4, 28, 0),
    (0, 3 - E): (4, 28, 0),
    (0, 3): (0, 0, 0),
    (1.5, 2.5): (32, 0, 0),
    (INF, 0): (0, 0, 0),
    (0, -INF): (0, 0, 0),
    (1e30, 0): (0, 0, 0),
}
BORDER = {
    (0, 0): (1, 7, 1),
    (0.25, 0.5): (4.125, 10.5, 2.75),
    (-E, 0): (1, 0, 1),
    (-5, -5): (1, 0, 0),
    (-5, 1.5): (3, 0, 2),
    (1 - E, 0): (8 - 7 * E, 7, 8 - 7 * E),
    (1, 0): (8, 0, 8),
    (7, 1.5): (24, 0, 16),
    (0, 2): (4, 28, 0),
    (0.5, 2 + E): (18, 28, 0),
    (INF, 0): (8, 0, 8),
    (-INF, INF): (4, 0, 0),
    (0, 1e30): (4, 28, 0),
    (-1e30, -1e30): (1, 0, 0),
}
TABLES = dict(zip(BOUNDARIES, (ZERO, INSIDE, BORDER)))


@pytest.mark.parametrize("backend", [backends.reference, backends.for_numpy])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_values_and_slopes(backend, dtype, boundary):
    """Shift reads pixel 0 of channel c exactly at offset[c]; one channel for each point of the table."""
    table = {**TABLES[boundary], (NAN, 0): (NAN,) * 3, (0, NAN): (NAN,) * 3, (INF, NAN): (NAN,) * 3}
    points = np.array(list(table), dtype)
    data = np.broadcast_to(MAP, (1, len(points), 2, 3)).astype(dtype)
    out_grad = np.zeros(data.shape, dtype)
    out_grad[:, :, 0, 0] = 1
    case = Case("Shift", "points", data.shape).at(boundary)
    out, gradients = backend(case, {"data": data, "offset": points}, out_grad)
    got = np.column_stack([out[0, :, 0, 0], gradients["offset"]])
    for point, row, want in zip(table, got, table.values()):
        np.testing.assert_array_equal(row, want, err_msg=f"{boundary} at {point}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_one_pixel_map(boundary):
    """H = W = 1: under inside and border it is flat wherever it is read."""
    weights, slopes = tents([-0.25, 0, 0.5, 1], 1, boundary)
    flat = {"zero": [0.75, 1, 0.5, 0], "inside": [0, 1, 1, 0], "border": [1, 1, 1, 1]}
    assert weights[:, 0].tolist() == flat[boundary]
    assert slopes[:, 0].tolist() == ([1, -1, -1, 0] if boundary == "zero" else [0, 0, 0, 0])


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_nan_points_scatter_nothing(boundary):
    S, _, _ = sampling(np.array([0.5, NAN]), np.array([0.5, 0.5]), 2, 3, boundary)
    assert np.isnan(S[1]).all()
    gradient = scatter(S, np.array([[1.0], [1.0]]))
    assert gradient[:, 0].tolist() == [0.25, 0.25, 0, 0.25, 0.25, 0]


def test_unknown_rule():
    with pytest.raises(ValueError, match="zero, inside, border, got 'edge'"):
        tents([0.0], 3, "edge")
