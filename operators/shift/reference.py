# SPDX-License-Identifier: Apache-2.0
"""Shift in NumPy, float64: the definition.

Source: Jeon and Kim, Constructing Fast Network through Deconstruction of Convolution, NeurIPS 2018 (active shift).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference import Reference
from operators.core.reference_bilinear import sampling, scatter


@dataclass(frozen=True)
class ShiftAttributes:
    boundary: str = "zero"


def _matrices(data, offset, channel, boundary):
    height, width = data.shape[2:]
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    return sampling(y + offset[channel, 0], x + offset[channel, 1], height, width, boundary)


def shift(data, offset, **attributes):
    """out[n, c, y, x] = data[n, c, y + offset[c, 0], x + offset[c, 1]], bilinear.

    Parameters
    ----------
    data : (N, C, H, W)
    offset : (C, 2), dy and dx of each channel in pixels
    boundary : "zero" (default), "inside" or "border"; see operators.core.reference_bilinear

    Returns
    -------
    (N, C, H, W) float64
    """
    a = ShiftAttributes(**attributes)
    data, offset = np.asarray(data, np.float64), np.asarray(offset, np.float64)
    out = np.zeros(data.shape)
    for c in range(data.shape[1]):
        S, _, _ = _matrices(data, offset, c, a.boundary)
        for n in range(data.shape[0]):
            out[n, c] = (S @ data[n, c].ravel()).reshape(data.shape[2:])
    return out


def shift_backward(out_grad, data, offset, **attributes):
    """The gradients [data, offset] of sum(out_grad * shift(data, offset)); shapes as the inputs."""
    a = ShiftAttributes(**attributes)
    out_grad, data, offset = (np.asarray(v, np.float64) for v in (out_grad, data, offset))
    data_grad, offset_grad = np.zeros(data.shape), np.zeros(offset.shape)
    for c in range(data.shape[1]):
        S, S_y, S_x = _matrices(data, offset, c, a.boundary)
        for n in range(data.shape[0]):
            grad = out_grad[n, c].ravel()
            data_grad[n, c] = scatter(S, grad).reshape(data.shape[2:])
            offset_grad[c] += grad @ (S_y @ data[n, c].ravel()), grad @ (S_x @ data[n, c].ravel())
    return [data_grad, offset_grad]


REFERENCES = {"Shift": Reference(ShiftAttributes, shift, shift_backward)}
