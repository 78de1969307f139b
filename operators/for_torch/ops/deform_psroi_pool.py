# SPDX-License-Identifier: Apache-2.0
"""Deformable position-sensitive RoI pooling in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import given, number, square
from operators.for_torch.functions import public
from operators.for_torch.operation import Operation
from operators.for_torch.roi_pooling import (
    BINS,
    NAMES,
    bins_of,
    check_images,
    groups_of,
    in_single_precision,
    output_channels,
    output_shape,
    regions,
)

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


def _places(boxes, trans, settings) -> tuple:
    """Where the samples stand: image (R,), y and x (R, classes, bins, bins, samples), and lost (R, classes, bins, bins)
    for the bins that have no place: their NaN, else 0."""
    scale, _, bins, _, part_size, samples, trans_std = settings
    image, start, size, finite = regions(boxes, scale, -0.5)
    number = torch.arange(bins, device=boxes.device)
    part, step = number * part_size // bins, torch.arange(samples, device=boxes.device)
    std = in_single_precision(trans_std)
    starts, steps = [], []
    for axis in (0, 1):
        begin, extent, along = (v.view(-1, 1, 1, 1) for v in (start[:, axis], size[:, axis], size[:, axis] / bins))
        at = number.view(-1, 1) if axis == 0 else number
        place = (at * along + begin).expand(-1, 1, bins, bins)
        if trans is not None:
            moved = trans[:, 1 - axis :: 2].index_select(2, part).index_select(3, part)
            place = place + moved * std * extent
        starts.append(place)
        steps.append(step * (along / samples).unsqueeze(-1))
    nowhere = starts[0].isnan() | starts[1].isnan() | ~finite.view(-1, 1, 1, 1)
    away = torch.full_like(starts[0], -1e9)
    lost = torch.where(nowhere, starts[0] + starts[1], torch.zeros_like(away)) * torch.where(nowhere, float("nan"), 1.0)
    starts = [torch.where(nowhere | place.isinf(), away, place).unsqueeze(-1) for place in starts]
    return image, starts[0] + steps[0].nan_to_num(), starts[1] + steps[1].nan_to_num(), lost


def _composed(tensors, settings):
    data, boxes, trans = tensors
    _, output_dim, bins, group_size, _, samples, _ = settings
    _, channels, height, width = data.shape
    image, y, x, lost = _places(boxes, trans, settings)
    classes = y.shape[1]
    maps = image.view(-1, 1, 1, 1) * channels + groups_of(output_dim, bins, group_size, data.device)
    maps = maps.reshape(-1, classes, output_dim // classes, bins, bins, 1, 1)
    flat = data.flatten()

    def cells(place, length):
        inside = (place >= -0.5) & (place <= length - 0.5)
        at = place.clamp(0, length - 1)
        low = at.detach().floor()
        fraction, high = at - low, at.detach().ceil()
        weights = [torch.where(inside, weight, torch.zeros_like(weight)) for weight in (1 - fraction, fraction)]
        return inside.sum(-1), [(low.long(), weights[0]), (high.long(), weights[1])]

    (rows, along_y), (columns, along_x) = cells(y, height), cells(x, width)
    total = None
    for row, weight_y in along_y:
        for column, weight_x in along_x:
            index = (maps * height + row[:, :, None, :, :, :, None]) * width + column[:, :, None, :, :, None, :]
            weight = weight_y[:, :, None, :, :, :, None] * weight_x[:, :, None, :, :, None, :]
            term = (flat.index_select(0, index.flatten()).view(index.shape) * weight).sum((-2, -1))
            total = term if total is None else total + term
    mean = total / (rows * columns).clamp(min=1).unsqueeze(2) + lost.unsqueeze(2)
    return mean.reshape(boxes.shape[0], output_dim, bins, bins)


_DEFORM_PS_ROI_POOL = Operation(
    "deform_ps_roi_pool",
    tensors=("input", "boxes", "trans?"),
    settings=f"{BINS}, int part_size, int sample_per_part, float trans_std",
    configure=_configure,
    traced_shape=output_shape,
    composed=_composed,
    check_values=check_images,
    differentiable=("input", "trans"),
    names_here=NAMES,
)


@public(
    "Tensor input, Tensor boxes, Tensor? trans, int[2] output_size, float spatial_scale=1.0, int group_size=1, "
    "int? part_size=None, int sample_per_part=4, float trans_std=0.1"
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
    size, group_size = square(name, "output_size", output_size), number(name, "group_size", group_size)
    return _DEFORM_PS_ROI_POOL(
        input,
        boxes,
        trans,
        spatial_scale,
        output_channels(name, input, group_size),
        size,
        group_size,
        size if part_size is None else number(name, "part_size", part_size),
        number(name, "sample_per_part", sample_per_part),
        trans_std,
    )


class DeformPSRoIPool(nn.Module):
    """RoI pooling whose bins are moved; arguments as deform_ps_roi_pool, called with (input, boxes, trans=None)."""

    def __init__(self, output_size, spatial_scale=1.0, group_size=1, part_size=None, sample_per_part=4, trans_std=0.1):
        super().__init__()
        name = type(self).__name__
        self.output_size, self.spatial_scale = square(name, "output_size", output_size), float(spatial_scale)
        self.group_size = number(name, "group_size", group_size)
        self.part_size = None if part_size is None else number(name, "part_size", part_size)
        self.sample_per_part = number(name, "sample_per_part", sample_per_part)
        self.trans_std = float(trans_std)
        parts = self.output_size if part_size is None else self.part_size
        settings = (
            self.spatial_scale,
            1,
            self.output_size,
            self.group_size,
            parts,
            self.sample_per_part,
            self.trans_std,
        )
        shapes = ((1, max(1, self.group_size) ** 2, 1, 1), (0, 5), (0, 2, parts, parts))
        _DEFORM_PS_ROI_POOL.check_layer(name, shapes, settings)

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
