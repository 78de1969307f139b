# SPDX-License-Identifier: Apache-2.0
"""MXNet's Pooling and ROIPooling."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from operators.for_torch.symbols.attributes import IGNORED, choice, flag, shape, single
from operators.for_torch.symbols.operator import operator, pair
from operators.library import OperatorError


@operator(
    "Pooling",
    "data",
    {
        "kernel": shape(()),
        "pool_type": choice("avg lp max sum", "max", ("avg", "max", "sum")),
        "global_pool": flag(False),
        "cudnn_off": IGNORED,
        "pooling_convention": choice("full same valid", "valid", ("full", "valid")),
        "stride": shape(()),
        "pad": shape(()),
        "p_value": IGNORED,  # of lp
        "count_include_pad": flag(None),
        "layout": choice("NCDHW NCHW NCW NDHWC NHWC NWC", None, (None, "NCHW")),
    },
)
def _pooling(a):
    if a.global_pool:
        return _GLOBAL[a.pool_type]
    kernel, stride, pad = pair(a, "kernel"), pair(a, "stride", 1), pair(a, "pad", 0)
    if min(*kernel, *stride) < 1 or min(pad) < 0:
        raise OperatorError(f"kernel and stride must be at least 1, pad 0, got {kernel}, {stride} and {pad}")
    if any(2 * by > size for by, size in zip(pad, kernel)):
        raise OperatorError(f"pad={pad} is not served here; served: at most half of kernel={kernel}")
    more = {"kernel_size": kernel, "stride": stride, "padding": pad, "ceil_mode": a.pooling_convention == "full"}
    function: Callable = F.max_pool2d if a.pool_type == "max" else F.avg_pool2d
    if a.pool_type != "max":
        more["count_include_pad"] = a.count_include_pad in (None, True)
        if a.pool_type == "sum":
            more["divisor_override"] = 1

    # Only so wide a step can begin a window where the data has ended.
    may_lack = more["ceil_mode"] and any(by + step > size for by, step, size in zip(pad, stride, kernel))

    def pool(data):
        out = function(data, **more)
        if may_lack:
            _expect_full(data, out, kernel, stride, pad)
        return out

    return pool


_GLOBAL = {
    "max": lambda data: F.adaptive_max_pool2d(data, 1),
    "avg": lambda data: data.mean((2, 3), keepdim=True),
    "sum": lambda data: data.sum((2, 3), keepdim=True),
}


def _expect_full(data, out, kernel, stride, pad) -> None:
    """MXNet makes a window of padding alone, where PyTorch leaves it out."""
    for have, size, length, step, by in zip(out.shape[2:], data.shape[2:], kernel, stride, pad):
        if have != 1 - (length - size - 2 * by) // step:
            raise OperatorError(
                f"windows that hold padding alone are not served here: data {tuple(data.shape)}, kernel={kernel}, "
                f"stride={stride}, pad={pad}, pooling_convention='full'"
            )


@operator("ROIPooling", "data rois", {"pooled_size": shape(), "spatial_scale": single()})
def _roi_pooling(a):
    size = pair(a, "pooled_size")

    def function(data, rois):
        if data.device.type == "meta":
            return data.new_empty((rois.shape[0], data.shape[1], *size))
        return torch.stack([_pool_roi(data, roi, size, a.spatial_scale) for roi in rois.detach().cpu().tolist()])

    return function


def _pool_roi(data, roi, size, scale):
    """Corners are scaled, then rounded half away from zero; the last row and column belong to the region."""
    left, top, right, bottom = (_rounded(value * scale) for value in roi[1:])
    image = data[int(roi[0])]
    image = _pool_axis(image, 2, size[1], left, max(right - left + 1, 1))
    return _pool_axis(image, 1, size[0], top, max(bottom - top + 1, 1))


def _pool_axis(image, axis, bins, first, length):
    """The greatest of each bin along an axis, 0 for a bin outside. After columns, rows: of equals the first counts."""
    parts, end = [], image.shape[axis]
    for number in range(bins):
        start = min(max(math.floor(number * length / bins) + first, 0), end)
        stop = min(max(math.ceil((number + 1) * length / bins) + first, 0), end)
        part = image.narrow(axis, start, max(stop - start, 0))
        parts.append(part.max(axis, keepdim=True)[0] if stop > start else part.sum(axis, keepdim=True))
    return torch.cat(parts, axis)


def _rounded(value: float) -> int:
    return int(abs(value) + 0.5) * (1 if value >= 0 else -1)
