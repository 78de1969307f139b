# SPDX-License-Identifier: Apache-2.0
"""Regions of interest and their trans, for the poolings.

What a bin reads follows from floor() and comparisons of coordinates, so values are drawn again until single and double
precision see the same cells; then one float64 reference serves both.
"""

from __future__ import annotations

import numpy as np

from operators.checks.case import Case
from operators.core.reference_roi import box_of, sample_starts, samples, span

_TRIES = 2000


def _until(draw, accept, what: str):
    for _ in range(_TRIES):
        value = draw()
        if accept(value):
            return value
    raise ValueError(f"{what}: none of {_TRIES} draws will do; choose other sizes")


def _boxes(row, case: Case) -> list:
    """The box in single and in double precision."""
    shift = 0 if case.operator == "PSROIPooling" else -0.5
    scale, pooled_size = case.attributes["spatial_scale"], case.attributes["pooled_size"]
    return [box_of(row.astype(kind), scale, shift, pooled_size) for kind in (np.float32, np.float64)]


def _samples(box, axis: int, number: int, value: float, case: Case) -> list:
    count, std = case.attributes.get("sample_per_part", 1), case.attributes.get("trans_std", 0.0)
    start = sample_starts(box, axis, number, value, std)
    if np.isnan(start):
        return ["no place"]
    return [(at.low, at.high) for at in samples(start, box.bin[axis], count, case.data[2 + axis])]


def _agree(row, case: Case) -> bool:
    single, double = _boxes(row, case)
    if not (single.finite and double.finite):
        return single.finite == double.finite
    for axis in (0, 1):
        for number in range(case.attributes["pooled_size"]):
            if case.operator == "PSROIPooling":
                seen = [span(box.start[axis], box.bin[axis], number, case.data[2 + axis]) for box in (single, double)]
            else:
                seen = [_samples(box, axis, number, 0, case) for box in (single, double)]
            if seen[0] != seen[1]:
                return False
    return True


def rois(random, shape: tuple, case: Case, strange=(), stored=np.asarray):
    """Regions in and around the picture, some empty, some turned around, on whole and half pixels.

    strange : about one corner in eight is one of these numbers
    stored : rounds a row as the dtype under test does
    """
    batch, scale = case.data[0], case.attributes["spatial_scale"]
    extent = np.array([case.data[3], case.data[2]]) / scale

    def row():
        first = random.uniform(-0.3, 1, 2) * extent
        corners = np.concatenate([first, first + random.uniform(-0.1, 0.9, 2) * extent])
        corners = np.round(corners * 2) / 2
        if len(strange):
            corners = np.where(random.random(4) < 0.125, random.choice(strange, 4), corners)
        return stored(np.concatenate([[random.integers(batch)], corners]))

    found = [_until(row, lambda value: _agree(value, case), f"{case}: rois") for _ in range(shape[0])]
    return np.array(found).reshape(shape)


def trans(random, shape: tuple, case: Case, regions, reach: float, grid: float = 0.0, strange=(), stored=np.asarray):
    """Moves of the parts.

    regions : the rois
    reach : no sample meets a kink when its trans changes by less (with trans_std); 0 to allow samples on kinks
    grid : trans is a multiple of it, so that samples may stand exactly on cells; 0 for any number
    strange : about one in four is one of these numbers
    stored : rounds a number as the dtype under test does
    """
    P, parts = case.attributes["pooled_size"], shape[3]
    std = case.attributes.get("trans_std", 0.0)

    def number():
        if len(strange) and random.random() < 0.25:
            return float(stored(np.float64(random.choice(strange))))
        value = random.uniform(-2, 2)
        return float(stored(np.float64(np.round(value / grid) * grid if grid else np.float32(value))))

    def fits(value, boxes, axis, part):
        single, double = boxes
        for number in (b for b in range(P) if b * parts // P == part):
            if not (single.finite and double.finite):
                return single.finite == double.finite
            if _samples(single, axis, number, value, case) != _samples(double, axis, number, value, case):
                return False
            if (
                reach * std
                and _kink_distance(double, axis, number, value, case) < reach * std * double.size[axis] + 2**-8
            ):
                return False
        return True

    values = np.zeros(shape)
    for r, channel, i, j in np.ndindex(*shape):
        axis = 1 - channel % 2  # x comes first
        boxes, part = _boxes(regions[r], case), (i, j)[axis]
        values[r, channel, i, j] = _until(number, lambda v: fits(v, boxes, axis, part), f"{case}: trans")  # noqa: B023
    return values


def _kink_distance(box, axis: int, number: int, value: float, case: Case) -> float:
    """How far the nearest sample is from a cell or from where samples stop to count."""
    count, length = case.attributes.get("sample_per_part", 1), case.data[2 + axis]
    places = sample_starts(box, axis, number, value, case.attributes.get("trans_std", 0.0))
    places = places + np.arange(count) * (box.bin[axis] / count)
    kinks = np.concatenate([np.arange(length), [-0.5, length - 0.5]])
    return float(np.abs(places[:, None] - kinks).min())
