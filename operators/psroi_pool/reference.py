# SPDX-License-Identifier: Apache-2.0
"""PSROIPooling in NumPy, float64: the definition.

Source: Dai et al., R-FCN: Object Detection via Region-based Fully Convolutional Networks, NIPS 2016; what it leaves
open (rounding, ends, empty bins) is as in MXNet 1.9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference import Reference
from operators.core.reference_roi import box_of, channel_of, group_of, image_of, span


@dataclass(frozen=True)
class PSROIAttributes:
    spatial_scale: float
    output_dim: int
    pooled_size: int
    group_size: int = 0  # pooled_size

    @property
    def groups(self) -> int:
        return self.group_size or self.pooled_size


def _bins(a: PSROIAttributes, data, rois):
    """(index, place): elements of the output, one per channel, and the rectangles of data that they are the means of;
    place is None for a bin without one."""
    P, g, c = a.pooled_size, a.groups, np.arange(a.output_dim)
    for r, roi in enumerate(rois):
        n, box = image_of(roi, data.shape[0]), box_of(roi, a.spatial_scale, 0, P)
        if n is None:
            continue
        for i, j in np.ndindex(P, P):
            place = None
            if box.finite:
                rows = span(box.start[0], box.bin[0], i, data.shape[2])
                columns = span(box.start[1], box.bin[1], j, data.shape[3])
                channels = channel_of(c, group_of(i, g, P), group_of(j, g, P), g)
                place = (n, channels, slice(*rows), slice(*columns))
            yield (r, c, i, j), place


def psroi_pooling(data, rois, **attributes):
    """Each bin of each region is the mean of the pixels it touches.

    Parameters
    ----------
    data : (N, output_dim * group_size * group_size, H, W)
    rois : (R, 5), rows of image, x1, y1, x2, y2; image -1 for no region; ValueError for an image that is not there
    **attributes : the fields of PSROIAttributes

    Returns
    -------
    (R, output_dim, pooled_size, pooled_size) float64; 0 where a bin touches no pixel and where there is no region, NaN
    where the region has no place
    """
    a = PSROIAttributes(**attributes)
    data, rois = np.asarray(data, np.float64), np.asarray(rois, np.float64)
    out = np.zeros((len(rois), a.output_dim, a.pooled_size, a.pooled_size))
    for index, place in _bins(a, data, rois):
        if place is None:
            out[index] = np.nan
        elif data[place].size:
            out[index] = data[place].mean(axis=(1, 2))
    return out


def psroi_pooling_backward(out_grad, data, rois, **attributes):
    """The gradients [data, rois] of sum(out_grad * output). That of rois is defined to be 0."""
    a = PSROIAttributes(**attributes)
    data, rois = np.asarray(data, np.float64), np.asarray(rois, np.float64)
    data_grad = np.zeros(data.shape)
    for index, place in _bins(a, data, rois):
        if place is not None and data[place].size:
            data_grad[place] += (out_grad[index] / data[place][0].size)[:, None, None]
    return [data_grad, np.zeros(rois.shape)]


REFERENCES = {"PSROIPooling": Reference(PSROIAttributes, psroi_pooling, psroi_pooling_backward)}
