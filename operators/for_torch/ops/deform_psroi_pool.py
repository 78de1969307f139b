# SPDX-License-Identifier: Apache-2.0
"""Deformable position-sensitive RoI pooling in PyTorch."""

from __future__ import annotations

from torch import nn

from operators.for_torch.arguments import given, square
from operators.for_torch.operation import Operation
from operators.for_torch.roi_pooling import BINS, NAMES, bins_of, output_channels, output_shape

__all__ = ["DeformPSRoIPool", "deform_ps_roi_pool"]


def _configure(shapes, settings):
    part_size, sample_per_part, trans_std = settings[4:]
    return "DeformablePSROIPooling", {
        **bins_of(*settings[:4]),
        "part_size": part_size,
        "sample_per_part": sample_per_part,
        "trans_std": trans_std,
        "no_trans": shapes[2] is None,
    }


_DEFORM_PS_ROI_POOL = Operation(
    "deform_ps_roi_pool",
    tensors=("input", "boxes", "trans?"),
    settings=f"{BINS}, int part_size, int sample_per_part, float trans_std",
    configure=_configure,
    traced_shape=output_shape,
    differentiable=("input", "trans"),
    names_here=NAMES,
)


def deform_ps_roi_pool(
    input,
    boxes,
    trans,
    output_size,
    spatial_scale=1.0,
    group_size=1,
    part_size=None,
    sample_per_part=4,
    trans_std=0.1,
):
    """Position-sensitive RoI pooling whose bins are moved by `trans`, as stock MXNet computes it.

    Parameters
    ----------
    input : (N, out_channels * group_size^2, H, W)
    boxes : (R, 5), image number, x1, y1, x2, y2 in pixels of the image; it gets no gradient
    trans : (R, 2 * classes, part_size, part_size), for each class **dx, then dy**, in units of the box's size times
        trans_std; None leaves the bins where they are
    output_size : int P, or (P, P)
    spatial_scale : size of the map relative to the image, at most 1
    group_size : 1 is deformable RoI pooling, P the position-sensitive form
    part_size : default P
    sample_per_part : samples along each axis of a bin (stock MXNet: 1 by default)
    trans_std : 0 to 1 (stock MXNet: 0 by default)

    Returns (R, out_channels, P, P). Source: Dai et al., ICCV 2017.
    """
    name = _DEFORM_PS_ROI_POOL.name
    size = square(name, "output_size", output_size)
    return _DEFORM_PS_ROI_POOL.call(
        input,
        boxes,
        trans,
        spatial_scale,
        output_channels(name, input, group_size),
        size,
        group_size,
        size if part_size is None else part_size,
        sample_per_part,
        trans_std,
    )


class DeformPSRoIPool(nn.Module):
    """RoI pooling whose bins are moved; arguments as deform_ps_roi_pool, called with (input, boxes, trans=None)."""

    def __init__(self, output_size, spatial_scale=1.0, group_size=1, part_size=None, sample_per_part=4, trans_std=0.1):
        super().__init__()
        self.output_size, self.spatial_scale, self.group_size = output_size, spatial_scale, group_size
        self.part_size, self.sample_per_part, self.trans_std = part_size, sample_per_part, trans_std

    def forward(self, input, boxes, trans=None):
        return deform_ps_roi_pool(
            input,
            boxes,
            trans,
            self.output_size,
            self.spatial_scale,
            self.group_size,
            self.part_size,
            self.sample_per_part,
            self.trans_std,
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, group_size={self.group_size}, "
            f"part_size={self.part_size}, sample_per_part={self.sample_per_part}, trans_std={self.trans_std}"
        )


def _from_mxnet(attributes, data, rois, trans=None):
    more = {"sample_per_part": 1, "trans_std": 0.0}  # stock MXNet's defaults
    more.update(given(attributes, sample_per_part="sample_per_part", trans_std="trans_std"))
    bins = (attributes["pooled_size"], attributes["spatial_scale"], attributes["group_size"])
    return deform_ps_roi_pool(data, rois, trans, *bins, attributes.get("part_size", 0) or None, **more)


OPERATIONS = (_DEFORM_PS_ROI_POOL,)
MXNET = {"DeformablePSROIPooling": _from_mxnet}
