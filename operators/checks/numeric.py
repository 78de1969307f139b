# SPDX-License-Identifier: Apache-2.0
"""Gradients by differences."""

from __future__ import annotations

import numpy as np

from operators.checks.inputs import CLEARANCE

# Every operator here is linear in each single number it reads as long as no sampling point crosses a lattice line, so
# a difference over a wide step is the exact derivative up to rounding. Half the clearance crosses no line.
STEP = CLEARANCE / 2
SMALL_STEP = 2.0**-13  # where it is not: the error is of the step's square, the rounding of its inverse


def places(shape: tuple, most: int, seed: int = 0) -> list:
    """Up to `most` different index tuples of an array of this shape; all of them if there are no more."""
    size = int(np.prod(shape))
    chosen = np.random.default_rng(seed).permutation(size)[:most]
    return [tuple(int(i) for i in np.unravel_index(flat, shape)) for flat in chosen]


def numeric_gradient(loss, array, where: list, step: float = STEP):
    """d loss / d array[i] for every i in `where`, by central differences.

    loss : takes no argument and reads `array`, float64, which is changed in place and restored.
    """
    gradient = np.empty(len(where))
    for number, i in enumerate(where):
        before = array[i]
        array[i] = before + step
        above = loss()
        array[i] = before - step
        below = loss()
        array[i] = before
        gradient[number] = (above - below) / (2 * step)
    return gradient
