# SPDX-License-Identifier: Apache-2.0
"""Position-sensitive RoI pooling in PyTorch."""

from __future__ import annotations

from torch import nn

from operators.for_torch.arguments import square
from operators.for_torch.operation import Operation
from operators.for_torch.roi_pooling import BINS, NAMES, bins_of, output_channels, output_shape

__all__ = ["PSRoIPool", "ps_roi_pool"]

_PS_ROI_POOL = Operation(
    "ps_roi_pool",
    tensors=("input", "boxes"),
    settings=BINS,
    configure=lambda shapes, settings: ("PSROIPooling", bins_of(*settings)),
    traced_shape=output_shape,
    differentiable=("input",),
    names_here=NAMES,
)


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
    group_size = size if group_size is None else group_size
    return _PS_ROI_POOL.call(input, boxes, spatial_scale, output_channels(name, input, group_size), size, group_size)


class PSRoIPool(nn.Module):
    """Position-sensitive RoI average pooling; arguments as ps_roi_pool, called with (input, boxes)."""

    def __init__(self, output_size, spatial_scale=1.0, group_size=None):
        super().__init__()
        self.output_size, self.spatial_scale, self.group_size = output_size, spatial_scale, group_size

    def forward(self, input, boxes):
        return ps_roi_pool(input, boxes, self.output_size, self.spatial_scale, self.group_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, group_size={self.group_size}"


def _from_mxnet(attributes, data, rois):
    group_size = attributes.get("group_size", 0) or None
    return ps_roi_pool(data, rois, attributes["pooled_size"], attributes["spatial_scale"], group_size)


OPERATIONS = (_PS_ROI_POOL,)
MXNET = {"PSROIPooling": _from_mxnet}
