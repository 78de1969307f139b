# SPDX-License-Identifier: Apache-2.0
"""The numbers that are fed in. Every engine draws the same ones, whichever of them it needs and whatever its NumPy."""

from __future__ import annotations

import zlib
from math import prod

import numpy as np

OUT_GRAD = "out_grad"
_OF_DYNAMIC_FILTER = ("channel_kernel", "spatial_kernel", "position_attention", "sample_attention")


def draw(case, name: str) -> np.ndarray:
    """The input `name` of the case, or its output's gradient: normal numbers; offsets with the case's deviation.

    Regions are random boxes. A mask is even on [0, 1); weights are scaled so that outputs have variance near 1.
    RandomState, because NumPy promises never to change its stream. Raises ValueError for an input whose meaning is not
    known here.
    """
    shape = case.output if name == OUT_GRAD else case.inputs[name]
    random = np.random.RandomState([case.seed, zlib.crc32(name.encode())])
    if name == "mask":
        values = random.random_sample(shape)
    elif name == "offset":
        values = random.standard_normal(shape) * case.offset_std
    elif name == "weight":
        values = random.standard_normal(shape) / prod(shape[1:]) ** 0.5
    elif name == "rois":
        values = _regions(case, random, shape[0])
    elif name in ("data", "bias", "trans", OUT_GRAD, *_OF_DYNAMIC_FILTER):
        values = random.standard_normal(shape)
    else:
        raise ValueError(f"{case.operator}: benchmarks/operators/arrays.py does not say how to draw its input '{name}'")
    return values.astype(case.dtype)


def _regions(case, random, count: int) -> np.ndarray:
    """Boxes with corners anywhere in the picture, spread over the images."""
    batch, _, height, width = case.inputs["data"]
    corners = random.random_sample((count, 2, 2)) * [width, height] / case.attributes["spatial_scale"]
    corners.sort(axis=1)
    return np.column_stack([np.arange(count) % batch, corners.reshape(count, 4)])


def draw_all(case, names) -> dict:
    """Name -> array for these inputs and, in training, the output's gradient."""
    return {name: draw(case, name) for name in (*names, *((OUT_GRAD,) if case.training else ()))}
