# SPDX-License-Identifier: Apache-2.0
"""Inputs for a case, from a seed.

Bilinear sampling has kinks: its derivative jumps where a coordinate crosses an integer, and under `inside` the value
jumps at the map's edge. So offsets are drawn in three ways: between the lattice lines, where everything is smooth and
differences give the derivative; on the lines and close to either side; and with values that no healthy run has.

All numbers are float32 numbers, so one float64 reference serves both dtypes; offsets are dyadic, so that adding them to
a grid of integers is exact in both and a point lies on the same side of a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from operators.checks import catalogue
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


@dataclass
class Request:
    """What a drawer is told. It is called with the Request and the shape of the input, and returns an array.

    offsets : one of the three functions above: where points shall fall
    arrays : the inputs that were drawn before, by name
    stored : rounds float64 numbers to those that the dtype under test can hold
    """

    random: np.random.Generator
    case: Case
    offsets: Callable
    arrays: dict
    stored: Callable


def offset(request: Request, shape):
    """Drawer of offsets in pixels."""
    return request.offsets(request.random, shape, request.case)


def factor(request: Request, shape):
    """Drawer of masks."""
    return request.random.uniform(-0.5, 2, shape)


def number(request: Request, shape):
    """The drawer of every input that has no other."""
    return request.random.standard_normal(shape)


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
    request = Request(random, case, offsets, {}, stored)
    drawers = catalogue.drawers_of(case.operator)
    for name, shape in zip(operator.inputs, shapes):
        values = drawers.get(name, number)(request, shape)
        request.arrays[name] = stored(values.astype(np.float32).astype(np.float64))
    return request.arrays


def draw_out_grad(case: Case, seed: int = 1):
    """A gradient for the output of the case, float64 holding float32 numbers."""
    _, shape = case.shapes(Operator(case.operator, **case.attributes))
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(np.float64)
