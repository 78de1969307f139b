# SPDX-License-Identifier: Apache-2.0
"""The operators as functions of tensors, with gradients for every floating-point input.

CPU: float32 and float64. CUDA: float16 and bfloat16 as well, with coordinates and sums in float32. All tensors of a
call share one dtype and device; any strides are taken, results are contiguous. Wrong arguments raise OperatorError
before anything is computed. What each computes stands in its room's README.md under operators/.
"""

from __future__ import annotations

from operators.for_torch.arguments import dimensions, pair, share, square
from operators.for_torch.convolutions import ACTIVE_CONV2D, DEFORM_CONV2D, SHIFT2D
from operators.for_torch.pooling import DEFORM_PS_ROI_POOL, PS_ROI_POOL

__all__ = ["active_conv2d", "deform_conv2d", "deform_ps_roi_pool", "ps_roi_pool", "shift2d"]


def active_conv2d(
    input,
    offset,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    boundary="zero",
    normalize_grad=False,
    offset_lr_rate=1.0,
    fixed_taps=(),
):
    """Convolution whose taps stand at the regular grid plus `offset`, the same for all images and positions.

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (offset_groups, deformable_groups, kernel y, kernel x, 2), dy and dx of each tap in input pixels. The first
        axis splits the filters, the second the input channels; 0 is torch.nn.functional.conv2d under zero and inside.
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, padding, dilation : int or (y, x)
    groups : int
    boundary : what a point outside the map reads: "zero" (fading over one pixel), "inside" (0) or "border" (the edge)
    normalize_grad : divide each tap's (dy, dx) gradient by its norm
    offset_lr_rate : factor on the offset gradient
    fixed_taps : row-major numbers of taps whose offset gradient is 0

    Returns (N, out_channels, H', W'). Source: Jeon and Kim, Active Convolution, CVPR 2017.
    """
    name = ACTIVE_CONV2D.name
    dimensions(name, "offset", offset, 5, "(offset_groups, deformable_groups, kernel y, kernel x, 2)")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    return ACTIVE_CONV2D.call(
        input,
        offset,
        weight,
        bias,
        pair(name, "stride", stride),
        pair(name, "padding", padding),
        pair(name, "dilation", dilation),
        groups,
        boundary,
        normalize_grad,
        offset_lr_rate,
        fixed_taps,
    )


def deform_conv2d(
    input,
    offset,
    weight,
    bias=None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    mask=None,
    boundary="zero",
    offset_groups=1,
):
    """Convolution whose taps are moved by `offset` at every output position, and weighted by `mask` where there is one.

    The signature, and under the default boundary the values, of torchvision.ops.deform_conv2d; as there, the groups of
    the weight and of the offsets are read off the shapes.

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (N, offset_groups * deformable_groups * 2 * kernel y * kernel x, H', W'); for each tap, row-major, dy then
        dx in pixels
    weight : (out_channels, C / groups, kernel y, kernel x)
    bias : (out_channels,) or None
    stride, padding, dilation : int or (y, x)
    mask : (N, offset_groups * deformable_groups * kernel y * kernel x, H', W') or None; used as it is, no sigmoid
    boundary : "zero", "inside" (stock MXNet's DeformableConvolution) or "border"
    offset_groups : offset sets that split the filters; out_channels gives each filter its own

    Returns (N, out_channels, H', W'). Sources: Dai et al., ICCV 2017; Zhu et al., CVPR 2019.
    """
    name = DEFORM_CONV2D.name
    dimensions(name, "input", input, 4, "(N, C, H, W)")
    dimensions(name, "offset", offset, 4, "(N, offset_groups * deformable_groups * 2 * taps, H', W')")
    dimensions(name, "weight", weight, 4, "(out_channels, C / groups, kernel y, kernel x)")
    channels, taps = input.shape[1], offset_groups * weight.shape[2] * weight.shape[3]
    return DEFORM_CONV2D.call(
        input,
        offset,
        mask,
        weight,
        bias,
        pair(name, "stride", stride),
        pair(name, "padding", padding),
        pair(name, "dilation", dilation),
        share(name, "the channels of input must be a multiple of weight.shape[1]", channels, weight.shape[1]),
        share(
            name,
            "the channels of offset must be a multiple of 2 * offset_groups * kernel y * kernel x",
            offset.shape[1],
            2 * taps,
        ),
        offset_groups,
        boundary,
    )


def shift2d(input, offset, boundary="zero"):
    """Reads every channel at its own displacement: out[n, c, y, x] = input[n, c, y + offset[c, 0], x + offset[c, 1]].

    Parameters
    ----------
    input : (N, C, H, W)
    offset : (C, 2), dy and dx in pixels
    boundary : "zero", "inside" or "border"

    Returns a tensor shaped as input. Source: Jeon and Kim, NeurIPS 2018 (active shift).
    """
    return SHIFT2D.call(input, offset, boundary)


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
    name = PS_ROI_POOL.name
    size = square(name, "output_size", output_size)
    group_size = size if group_size is None else group_size
    return PS_ROI_POOL.call(input, boxes, spatial_scale, _output_channels(name, input, group_size), size, group_size)


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
    name = DEFORM_PS_ROI_POOL.name
    size = square(name, "output_size", output_size)
    return DEFORM_PS_ROI_POOL.call(
        input,
        boxes,
        trans,
        spatial_scale,
        _output_channels(name, input, group_size),
        size,
        group_size,
        size if part_size is None else part_size,
        sample_per_part,
        trans_std,
    )


def _output_channels(name, input, group_size) -> int:
    dimensions(name, "input", input, 4, "(N, out_channels * group_size^2, H, W)")
    return share(name, "the channels of input must be a multiple of group_size^2", input.shape[1], group_size**2)
