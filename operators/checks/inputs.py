# SPDX-License-Identifier: Apache-2.0
"""Inputs for a case, from a seed.

Bilinear sampling has kinks: its derivative jumps where a coordinate crosses an integer, and under `inside` the value
jumps at the map's edge. So offsets are drawn in three ways: between the lattice lines, where everything is smooth and
differences give the derivative; on the lines and close to either side; and with values that no healthy run has.

All numbers are float32 numbers, so one float64 reference serves both dtypes; offsets are dyadic, so that adding them to
a grid of integers is exact in both and a point lies on the same side of a line.
"""

from __future__ import annotations

import numpy as np

from operators.checks import roi_inputs
from operators.checks.case import Case
from operators.for_numpy import Operator

# Offsets between the lines keep this far from every line, in y and in x.
CLEARANCE = 3 / 16
SPECIALS = (np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, -(2.0**31), 2.0**63, -(2.0**63), 1e9)
EPSILON = 2.0**-10


def between_lines(random, shape, case: Case):
    whole = random.integers(-2, 2, shape)
    return whole + random.choice([3, 5, 7, 9, 11, 13], shape) / 16


def on_lines(random, shape, case: Case):
    """Integers that reach one pixel past the map on either side, and the places just beside them."""
    reach = max(case.data[2:]) + 1
    return random.integers(-reach, reach + 1, shape) + random.choice([-EPSILON, 0, EPSILON], shape)


def special(random, shape, case: Case):
    """Mostly ordinary; about one in four is NaN, infinite or so large that a careless cast overflows."""
    values = between_lines(random, shape, case)
    return np.where(random.random(shape) < 0.25, random.choice(SPECIALS, shape), values)


# What trans is where offsets would be drawn so. Differences take half the clearance as their step.
_TRANS = {
    between_lines: {"reach": CLEARANCE / 2},
    on_lines: {"reach": 0, "grid": 1 / 8},
    special: {"reach": 0, "strange": SPECIALS},
}


def _unchanged(values):
    return values


def draw_inputs(case: Case, offsets=between_lines, seed: int = 0, stored=_unchanged) -> dict:
    """Name -> float64 array for every input of the case.

    stored : rounds float64 numbers to those that the dtype under test can hold. RoIs and trans are chosen after it, so
        that in that dtype too single and double precision see the same cells.
    """
    operator = Operator(case.operator, **case.attributes)
    shapes, _ = case.shapes(operator)
    random = np.random.default_rng([seed, len(case.name), *case.data])
    arrays = {}
    for name, shape in zip(operator.inputs, shapes):
        if name == "offset":
            values = offsets(random, shape, case)
        elif name == "mask":
            values = random.uniform(-0.5, 2, shape)
        elif name == "rois":
            values = roi_inputs.rois(random, shape, case, SPECIALS if offsets is special else (), stored)
        elif name == "trans":
            values = roi_inputs.trans(random, shape, case, arrays["rois"], stored=stored, **_TRANS[offsets])
        else:
            values = random.standard_normal(shape)
        arrays[name] = stored(values.astype(np.float32).astype(np.float64))
    return arrays


def draw_out_grad(case: Case, seed: int = 1):
    """A gradient for the output of the case, float64 holding float32 numbers."""
    _, shape = case.shapes(Operator(case.operator, **case.attributes))
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(np.float64)
