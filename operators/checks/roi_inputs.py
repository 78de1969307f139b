# SPDX-License-Identifier: Apache-2.0
"""Regions of interest and their trans, for the poolings.

What a bin reads follows from floor() and comparisons of coordinates, so values are drawn again until single and double
precision see the same cells; then one float64 reference serves both.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Callable

import numpy as np

from operators.checks.case import Case
from operators.checks.inputs import CLEARANCE, SPECIALS, Request, between_lines, on_lines, special
from operators.core.reference_roi import box_of, sample_starts, samples

_TRIES = 2000


def _until(draw, accept, what: str):
    for _ in range(_TRIES):
        value = draw()
        if accept(value):
            return value
    raise ValueError(f"{what}: none of {_TRIES} draws will do; choose other sizes")


@dataclass(frozen=True)
class Regions:
    """Drawer of rois: in and around the picture, some empty, some turned around, on whole and half pixels. Where points
    shall be special, about one corner in eight is.

    shift : that of the operator's box_of
    seen : (box, axis, bin, case) -> what the bin reads along the axis, for comparison
    """

    shift: float
    seen: Callable

    def boxes(self, row, case: Case) -> list:
        """The box in single and in double precision."""
        scale, pooled_size = case.attributes["spatial_scale"], case.attributes["pooled_size"]
        return [box_of(row.astype(kind), scale, self.shift, pooled_size) for kind in (np.float32, np.float64)]

    def agree(self, row, case: Case) -> bool:
        single, double = self.boxes(row, case)
        if not (single.finite and double.finite):
            return single.finite == double.finite
        bins = [(axis, number) for axis in (0, 1) for number in range(case.attributes["pooled_size"])]
        return all(self.seen(single, *each, case) == self.seen(double, *each, case) for each in bins)

    def __call__(self, request: Request, shape: tuple):
        random, case = request.random, request.case
        strange = SPECIALS if request.offsets is special else ()
        extent = np.array([case.data[3], case.data[2]]) / case.attributes["spatial_scale"]

        def row():
            first = random.uniform(-0.3, 1, 2) * extent
            corners = np.concatenate([first, first + random.uniform(-0.1, 0.9, 2) * extent])
            corners = np.round(corners * 2) / 2
            if len(strange):
                corners = np.where(random.random(4) < 0.125, random.choice(strange, 4), corners)
            return request.stored(np.concatenate([[random.integers(case.data[0])], corners]))

        found = [_until(row, lambda value: self.agree(value, case), f"{case}: rois") for _ in range(shape[0])]
        return np.array(found).reshape(shape)


def sampled(box, axis: int, number: int, case: Case, value: float = 0) -> list:
    """The cells of each sample of a bin that is moved by `value` of trans."""
    count, std = case.attributes.get("sample_per_part", 1), case.attributes.get("trans_std", 0.0)
    start = sample_starts(box, axis, number, value, std)
    if np.isnan(start):
        return ["no place"]
    return [(at.low, at.high) for at in samples(start, box.bin[axis], count, case.data[2 + axis])]


@dataclass(frozen=True)
class Moves:
    """Drawer of trans, the moves of the parts of `regions`.

    Between the lines, no sample meets a kink when its number changes by half of CLEARANCE (with trans_std), which is
    the step of differences; on the lines numbers are multiples of 1/8, so that samples may stand exactly on cells;
    where points shall be special, about one number in four is.
    """

    regions: Regions

    def __call__(self, request: Request, shape: tuple):
        random, case = request.random, request.case
        reach = CLEARANCE / 2 if request.offsets is between_lines else 0
        grid = 1 / 8 if request.offsets is on_lines else 0
        strange = SPECIALS if request.offsets is special else ()
        P, parts = case.attributes["pooled_size"], shape[3]

        def number():
            if len(strange) and random.random() < 0.25:
                return float(request.stored(np.float64(random.choice(strange))))
            value = random.uniform(-2, 2)
            return float(request.stored(np.float64(np.round(value / grid) * grid if grid else np.float32(value))))

        values = np.zeros(shape)
        for r, channel, i, j in np.ndindex(*shape):
            axis = 1 - channel % 2  # x comes first
            boxes, part = self.regions.boxes(request.arrays["rois"][r], case), (i, j)[axis]
            bins = [number for number in range(P) if number * parts // P == part]
            fits = functools.partial(_fits, boxes=boxes, axis=axis, bins=bins, case=case, reach=reach)
            values[r, channel, i, j] = _until(number, fits, f"{case}: trans")
        return values


def _fits(value: float, boxes: list, axis: int, bins: list, case: Case, reach: float) -> bool:
    """Whether both precisions see the same samples in these bins, none nearer to a kink than `reach` moves it."""
    single, double = boxes
    for number in bins:
        if not (single.finite and double.finite):
            return single.finite == double.finite
        if sampled(single, axis, number, case, value) != sampled(double, axis, number, case, value):
            return False
        moved = reach * case.attributes.get("trans_std", 0.0) * double.size[axis]
        if moved and _kink_distance(double, axis, number, value, case) < moved + 2**-8:
            return False
    return True


def _kink_distance(box, axis: int, number: int, value: float, case: Case) -> float:
    """How far the nearest sample is from a cell or from where samples stop to count."""
    count, length = case.attributes.get("sample_per_part", 1), case.data[2 + axis]
    places = sample_starts(box, axis, number, value, case.attributes.get("trans_std", 0.0))
    places = places + np.arange(count) * (box.bin[axis] / count)
    kinks = np.concatenate([np.arange(length), [-0.5, length - 0.5]])
    return float(np.abs(places[:, None] - kinks).min())
