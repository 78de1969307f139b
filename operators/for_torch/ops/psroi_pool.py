# SPDX-License-Identifier: Apache-2.0
"""Position-sensitive RoI pooling in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from operators.for_torch.arguments import number, square
from operators.for_torch.functions import public
from operators.for_torch.operation import Operation
from operators.for_torch.roi_pooling import (
    BINS,
    NAMES,
    bins_of,
    check_images,
    groups_of,
    output_channels,
    output_shape,
    regions,
)

__all__ = ["PSRoIPool", "ps_roi_pool"]


def _composed(tensors, settings):
    data, boxes = tensors
    scale, output_dim, bins, group_size = settings
    _, channels, height, width = data.shape
    image, start, size, finite = regions(boxes, scale, 0.0)
    number = torch.arange(bins, dtype=data.dtype, device=data.device)

    def edge(axis, first, rounded, most):
        place = rounded((number + first) * (size[:, axis] / bins).unsqueeze(1) + start[:, axis].unsqueeze(1))
        return place.nan_to_num(0.0).clamp(0, most).long()

    top, bottom = edge(0, 0, torch.floor, height), edge(0, 1, torch.ceil, height)
    left, right = edge(1, 0, torch.floor, width), edge(1, 1, torch.ceil, width)
    # Sums of all that is above and to the left, in double precision: a rectangle is four of them.
    sums = torch.nn.functional.pad(data.double().cumsum(2).cumsum(3), (1, 0, 1, 0)).flatten()
    maps = image.view(-1, 1, 1, 1) * channels + groups_of(output_dim, bins, group_size, data.device)

    def corner(row, column):
        index = (maps * (height + 1) + row.view(-1, 1, bins, 1)) * (width + 1) + column.view(-1, 1, 1, bins)
        return sums.index_select(0, index.flatten()).view(index.shape)

    total = corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left)
    pixels = (bottom - top).view(-1, 1, bins, 1) * (right - left).view(-1, 1, 1, bins)
    mean = (total / pixels.clamp(min=1)).to(data.dtype)
    mean = torch.where(pixels > 0, mean, torch.zeros_like(mean))
    return torch.where(finite.view(-1, 1, 1, 1), mean, torch.full_like(mean, float("nan")))


_PS_ROI_POOL = Operation(
    "ps_roi_pool",
    tensors=("input", "boxes"),
    settings=BINS,
    configure=lambda shapes, settings: ("PSROIPooling", bins_of(*settings)),
    traced_shape=output_shape,
    composed=_composed,
    check_values=check_images,
    differentiable=("input",),
    names_here=NAMES,
)


@public("Tensor input, Tensor boxes, int[2] output_size, float spatial_scale=1.0, int? group_size=None")
def ps_roi_pool(input, boxes, output_size, spatial_scale=1.0, group_size=None):
    """Position-sensitive RoI average pooling as stock MXNet computes it; torchvision's differs (docs/pytorch.md).

    Parameters
    ----------
    input : (N, out_channels * group_size^2, H, W)
    boxes : (R, 5), image number, x1, y1, x2, y2 in pixels of the image; it gets no gradient
    output_size : int P, or (P, P)
    spatial_scale : size of the map relative to the image, at most 1
    group_size : default P; 1 gives average RoI pooling of each channel

    Returns (R, out_channels, P, P). Raises OperatorError for an image number that is not there.
    Source: Dai et al., R-FCN, NeurIPS 2016.
    """
    name = _PS_ROI_POOL.name
    size = square(name, "output_size", output_size)
    group_size = size if group_size is None else number(name, "group_size", group_size)
    return _PS_ROI_POOL(input, boxes, spatial_scale, output_channels(name, input, group_size), size, group_size)


class PSRoIPool(nn.Module):
    """Position-sensitive RoI average pooling; arguments as ps_roi_pool, called with (input, boxes)."""

    def __init__(self, output_size, spatial_scale=1.0, group_size=None):
        super().__init__()
        name = type(self).__name__
        self.output_size, self.spatial_scale = square(name, "output_size", output_size), float(spatial_scale)
        self.group_size = None if group_size is None else number(name, "group_size", group_size)
        groups = self.output_size if self.group_size is None else self.group_size
        settings = (self.spatial_scale, 1, self.output_size, groups)
        _PS_ROI_POOL.check_layer(name, ((1, max(1, groups) ** 2, 1, 1), (0, 5)), settings)

    def forward(self, input, boxes):
        return ps_roi_pool(input, boxes, self.output_size, self.spatial_scale, self.group_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, group_size={self.group_size}"


def _from_mxnet(attributes, data, rois):
    group_size = attributes.get("group_size", 0) or None
    return ps_roi_pool(data, rois, attributes["pooled_size"], attributes["spatial_scale"], group_size)


OPERATIONS = (_PS_ROI_POOL,)
MXNET = {"PSROIPooling": _from_mxnet}
