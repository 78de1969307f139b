# SPDX-License-Identifier: Apache-2.0
"""How close is close: the one table of tolerances, and the comparison that uses it."""

from __future__ import annotations

import numpy as np

# Relative to the largest number of the array, for sums cancel: a small element owes its rounding to large terms.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
NUMERIC_TOLERANCE = 1e-6  # of gradients taken by differences, in float64


def assert_close(got, want, what: str, tolerance: float = None):
    """Raises AssertionError, naming the worst place, unless `got` is `want` to within the tolerance of its dtype.

    NaN must stand exactly where NaN is wanted and Inf where Inf is. If all wanted numbers are 0, all must be exactly 0.
    """
    want = np.asarray(want, np.float64)
    assert isinstance(got, np.ndarray), f"{what}: an array is expected, got {got!r}"
    assert got.shape == want.shape, f"{what}: shape {want.shape} is expected, got {got.shape}"
    tolerance = TOLERANCE[got.dtype.name] if tolerance is None else tolerance
    got = got.astype(np.float64)
    finite = np.isfinite(want)
    strange = ~finite & ~((got == want) | (np.isnan(got) & np.isnan(want)))
    scale = np.abs(want[finite]).max(initial=0)
    with np.errstate(invalid="ignore"):
        wrong = strange | (finite & ~(np.abs(got - want) <= tolerance * scale))
    if not wrong.any():
        return
    with np.errstate(invalid="ignore"):
        distance = np.where(wrong, np.nan_to_num(np.abs(got - want), nan=np.inf), -1)
    worst = np.unravel_index(distance.argmax(), want.shape)
    raise AssertionError(
        f"{what}: {wrong.sum()} of {want.size} elements differ; worst at {tuple(map(int, worst))}: got {got[worst]!r}, "
        f"wanted {want[worst]!r}, allowed {tolerance:g} of {scale:g}"
    )


def assert_same_bits(got, want, what: str):
    """Raises AssertionError unless both arrays hold the same bytes."""
    assert got.shape == want.shape, f"{what}: shape {want.shape} is expected, got {got.shape}"
    assert got.dtype == want.dtype, f"{what}: {want.dtype} is expected, got {got.dtype}"
    if got.tobytes() != want.tobytes():
        with np.errstate(invalid="ignore"):
            raise AssertionError(f"{what}: {(got != want).sum()} of {want.size} elements have other bits")
