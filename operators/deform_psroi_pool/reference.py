# SPDX-License-Identifier: Apache-2.0
"""DeformablePSROIPooling in NumPy, float64: the definition.

Source: Dai et al., Deformable Convolutional Networks, ICCV 2017; what it leaves open (rounding, corners of bins, what
is outside) is as in MXNet 1.9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference import Reference
from operators.core.reference_roi import box_of, channel_of, group_of, image_of, sample_starts, samples


@dataclass(frozen=True)
class DeformablePSROIAttributes:
    spatial_scale: float
    output_dim: int
    group_size: int
    pooled_size: int
    part_size: int = 0  # pooled_size
    sample_per_part: int = 1
    trans_std: float = 0.0
    no_trans: bool = False

    @property
    def parts(self) -> int:
        return self.part_size or self.pooled_size


@dataclass(frozen=True)
class _Bin:
    index: tuple  # elements of the output: those of the channels of one class
    moved_by: tuple  # index of trans for dy, and for dx; None without trans
    per_trans: tuple  # pixels by which the bin moves for 1 in trans, down and right
    maps: tuple  # index of data: image, channels
    samples: tuple  # those along y, those along x; None for a bin that has no place


def _bins(a: DeformablePSROIAttributes, data, rois, trans):
    P, g, S = a.pooled_size, a.group_size, a.sample_per_part
    classes = 1 if trans is None else trans.shape[1] // 2
    for r, roi in enumerate(rois):
        n, box = image_of(roi, data.shape[0]), box_of(roi, a.spatial_scale, -0.5, P)
        if n is None:
            continue
        per_trans = tuple(np.float64(np.float32(a.trans_std)) * size for size in box.size)
        for of_class, i, j in np.ndindex(classes, P, P):
            part = (i * a.parts // P, j * a.parts // P)
            moved_by = None if trans is None else ((r, 2 * of_class + 1, *part), (r, 2 * of_class, *part))
            starts = [
                sample_starts(box, axis, number, 0 if trans is None else trans[moved_by[axis]], a.trans_std)
                for axis, number in enumerate((i, j))
            ]
            found = None
            if box.finite and not np.isnan(starts).any():
                found = tuple(samples(starts[axis], box.bin[axis], S, data.shape[2 + axis]) for axis in (0, 1))
            c = np.arange(a.output_dim).reshape(classes, -1)[of_class]
            maps = (n, channel_of(c, group_of(i, g, P), group_of(j, g, P), g))
            yield _Bin((r, c, i, j), moved_by, per_trans, maps, found)


def _grid(bin_: _Bin):
    """Every sample of a bin: its four cells with their weights, and those with the derivatives along y and along x."""
    for y in bin_.samples[0]:
        for x in bin_.samples[1]:
            cells = ((y.low, x.low), (y.low, x.high), (y.high, x.low), (y.high, x.high))
            ly, lx = y.fraction, x.fraction
            weights = ((1 - ly) * (1 - lx), (1 - ly) * lx, ly * (1 - lx), ly * lx)
            yield cells, weights, (lx - 1, -lx, 1 - lx, lx), (ly - 1, 1 - ly, -ly, ly)


def deformable_psroi_pooling(data, rois, trans=None, **attributes):
    """Each bin of each region, moved by its part of trans, is the mean of sample_per_part ** 2 bilinear samples.

    Parameters
    ----------
    data : (N, output_dim * group_size * group_size, H, W)
    rois : (R, 5), rows of image, x1, y1, x2, y2; image -1 for no region; ValueError for an image that is not there
    trans : (R, 2 * classes, part_size, part_size), for each class dx and then dy, in trans_std times the region's size;
        absent with no_trans
    **attributes : the fields of DeformablePSROIAttributes

    Returns
    -------
    (R, output_dim, pooled_size, pooled_size) float64; 0 where no sample is inside and where there is no region, NaN
    where a bin has no place
    """
    a = DeformablePSROIAttributes(**attributes)
    data, rois = np.asarray(data, np.float64), np.asarray(rois, np.float64)
    trans = None if a.no_trans else np.asarray(trans, np.float64)
    out = np.zeros((len(rois), a.output_dim, a.pooled_size, a.pooled_size))
    for b in _bins(a, data, rois, trans):
        if b.samples is None:
            out[b.index] = np.nan
            continue
        values = [sum(w * data[(*b.maps, *cell)] for cell, w in zip(cells, ws)) for cells, ws, _, _ in _grid(b)]
        out[b.index] = np.mean(values, axis=0) if values else 0
    return out


def deformable_psroi_pooling_backward(out_grad, data, rois, trans=None, **attributes):
    """The gradients [data, rois] and, without no_trans, trans. That of rois is defined to be 0, as is the derivative
    along an axis on which a sample stands on a cell or beyond the outermost ones."""
    a = DeformablePSROIAttributes(**attributes)
    data, rois = np.asarray(data, np.float64), np.asarray(rois, np.float64)
    trans = None if a.no_trans else np.asarray(trans, np.float64)
    data_grad, trans_grad = np.zeros(data.shape), None if trans is None else np.zeros(trans.shape)
    for b in _bins(a, data, rois, trans):
        if b.samples is None:
            for place in b.moved_by or ():
                trans_grad[place] = np.nan
            continue
        count = len(b.samples[0]) * len(b.samples[1])
        for cells, weights, *slopes in _grid(b):
            grad = out_grad[b.index] / count
            for cell, weight in zip(cells, weights):
                data_grad[(*b.maps, *cell)] += grad * weight
            for axis in (0, 1) if b.moved_by else ():
                if cells[0][axis] != cells[3][axis]:  # not on a cell
                    slope = sum(s * data[(*b.maps, *cell)] for cell, s in zip(cells, slopes[axis]))
                    trans_grad[b.moved_by[axis]] += (grad * slope).sum() * b.per_trans[axis]
    grads = [data_grad, np.zeros(rois.shape)]
    return grads if trans is None else [*grads, trans_grad]


REFERENCES = {
    "DeformablePSROIPooling": Reference(
        DeformablePSROIAttributes, deformable_psroi_pooling, deformable_psroi_pooling_backward
    )
}
