# SPDX-License-Identifier: Apache-2.0
# Written by scripts/write_stubs.py; do not edit.
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from mxnet.symbol import Symbol

_Integers: TypeAlias = Sequence[int] | str

def ActiveConvolution(
    data: Symbol | None = ...,
    offset: Symbol | None = ...,
    weight: Symbol | None = ...,
    bias: Symbol | None = ...,
    *,
    kernel: _Integers,
    num_filter: int | str,
    stride: _Integers = ...,
    dilate: _Integers = ...,
    pad: _Integers = ...,
    num_group: int | str = ...,
    num_deformable_group: int | str = ...,
    no_bias: bool | str = ...,
    boundary: Literal["zero", "inside", "border"] = ...,
    num_offset_group: int | str = ...,
    normalize_grad: bool | str = ...,
    offset_lr_rate: float | str = ...,
    fixed_taps: _Integers = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Convolution whose taps learn where to look: one set of offsets per layer, the same at all positions, is a
    parameter like the weight. (Jeon and Kim, Active Convolution: Learning the Shape of Convolution for Image
    Classification, CVPR 2017.)

    Parameters
    ----------
    data : Symbol
        (N, C, H, W)
    offset : Symbol
        (num_offset_group, num_deformable_group, kernel y, kernel x, 2): dy, dx in input pixels, added to the
        regular dilated grid
    weight : Symbol
        (num_filter, C / num_group, kernel y, kernel x)
    bias : Symbol
        (num_filter,), absent with no_bias
    kernel : a pair of integers (y, x), required
        kernel size (y, x)
    num_filter : an integer, required
        number of output channels
    stride : a pair of integers (y, x), default (1, 1)
        step between output positions, in input pixels
    dilate : a pair of integers (y, x), default (1, 1)
        step between taps of the regular grid, in input pixels
    pad : a pair of integers (y, x), default (0, 0)
        how far the regular grid starts outside the map, in input pixels
    num_group : an integer, default 1
        groups that split filters and input channels
    num_deformable_group : an integer, default 1
        offset sets, each for an equal share of the input channels
    no_bias : True or False, default False
        leave out the bias
    boundary : one of 'zero', 'inside', 'border', default zero
        what a point outside the map reads: zero (fading over one pixel), nothing unless inside, or the nearest
        border value
    num_offset_group : an integer, default 1
        offset sets, each for an equal share of the filters; num_filter gives each filter its own
    normalize_grad : True or False, default False
        divide each tap's summed (dy, dx) gradient by its norm; 0 stays 0
    offset_lr_rate : a number, default 1
        factor on the offset gradient, normalized or not
    fixed_taps : a tuple of integers, default ()
        row-major numbers of taps whose offset gradient is 0
    """

def DeformableConvolution(
    data: Symbol | None = ...,
    offset: Symbol | None = ...,
    weight: Symbol | None = ...,
    bias: Symbol | None = ...,
    *,
    kernel: _Integers,
    num_filter: int | str,
    stride: _Integers = ...,
    dilate: _Integers = ...,
    pad: _Integers = ...,
    num_group: int | str = ...,
    num_deformable_group: int | str = ...,
    no_bias: bool | str = ...,
    boundary: Literal["zero", "inside", "border"] = ...,
    num_offset_group: int | str = ...,
    workspace: int | str = ...,
    layout: Literal["None", "NCHW"] | None = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Convolution whose taps are moved by offsets computed from the data, one pair per output position and tap.
    Attributes and default boundary are those of mx.sym.contrib.DeformableConvolution. (Dai et al., Deformable
    Convolutional Networks, ICCV 2017.)

    Parameters
    ----------
    data : Symbol
        (N, C, H, W)
    offset : Symbol
        (N, num_offset_group * num_deformable_group * 2 * kernel y * kernel x, output H, output W): for each tap,
        row-major, dy then dx in input pixels
    weight : Symbol
        (num_filter, C / num_group, kernel y, kernel x)
    bias : Symbol
        (num_filter,), absent with no_bias
    kernel : a pair of integers (y, x), required
        kernel size (y, x)
    num_filter : an integer, required
        number of output channels
    stride : a pair of integers (y, x), default (1, 1)
        step between output positions, in input pixels
    dilate : a pair of integers (y, x), default (1, 1)
        step between taps of the regular grid, in input pixels
    pad : a pair of integers (y, x), default (0, 0)
        how far the regular grid starts outside the map, in input pixels
    num_group : an integer, default 1
        groups that split filters and input channels
    num_deformable_group : an integer, default 1
        offset sets, each for an equal share of the input channels
    no_bias : True or False, default False
        leave out the bias
    boundary : one of 'zero', 'inside', 'border', default inside
        what a point outside the map reads: zero (fading over one pixel), nothing unless inside, or the nearest
        border value
    num_offset_group : an integer, default 1
        offset sets over the filters, each for an equal share of them; num_filter gives each its own
    workspace : an integer, default 1024
        accepted for MXNet's sake and ignored, as MXNet ignores it
    layout : one of 'None', 'NCHW', default None
        the one layout there is
    """

def ModulatedDeformableConvolution(
    data: Symbol | None = ...,
    offset: Symbol | None = ...,
    mask: Symbol | None = ...,
    weight: Symbol | None = ...,
    bias: Symbol | None = ...,
    *,
    kernel: _Integers,
    num_filter: int | str,
    stride: _Integers = ...,
    dilate: _Integers = ...,
    pad: _Integers = ...,
    num_group: int | str = ...,
    num_deformable_group: int | str = ...,
    no_bias: bool | str = ...,
    boundary: Literal["zero", "inside", "border"] = ...,
    num_offset_group: int | str = ...,
    workspace: int | str = ...,
    layout: Literal["None", "NCHW"] | None = ...,
    im2col_step: int | str = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Deformable convolution with one factor (mask) per output position and tap beside the offset. Attributes and
    default boundary are those of mx.sym.contrib.ModulatedDeformableConvolution; any batch size is taken,
    im2col_step is ignored. (Zhu et al., Deformable ConvNets v2, CVPR 2019.)

    Parameters
    ----------
    data : Symbol
        (N, C, H, W)
    offset : Symbol
        (N, num_offset_group * num_deformable_group * 2 * kernel y * kernel x, output H, output W): for each tap,
        row-major, dy then dx in input pixels
    mask : Symbol
        (N, num_offset_group * num_deformable_group * kernel y * kernel x, output H, output W): a factor per tap
    weight : Symbol
        (num_filter, C / num_group, kernel y, kernel x)
    bias : Symbol
        (num_filter,), absent with no_bias
    kernel : a pair of integers (y, x), required
        kernel size (y, x)
    num_filter : an integer, required
        number of output channels
    stride : a pair of integers (y, x), default (1, 1)
        step between output positions, in input pixels
    dilate : a pair of integers (y, x), default (1, 1)
        step between taps of the regular grid, in input pixels
    pad : a pair of integers (y, x), default (0, 0)
        how far the regular grid starts outside the map, in input pixels
    num_group : an integer, default 1
        groups that split filters and input channels
    num_deformable_group : an integer, default 1
        offset sets, each for an equal share of the input channels
    no_bias : True or False, default False
        leave out the bias
    boundary : one of 'zero', 'inside', 'border', default zero
        what a point outside the map reads: zero (fading over one pixel), nothing unless inside, or the nearest
        border value
    num_offset_group : an integer, default 1
        offset sets over the filters, each for an equal share of them; num_filter gives each its own
    workspace : an integer, default 1024
        accepted for MXNet's sake and ignored, as MXNet ignores it
    layout : one of 'None', 'NCHW', default None
        the one layout there is
    im2col_step : an integer, default 64
        accepted for MXNet's sake and ignored
    """

def DeformablePSROIPooling(
    data: Symbol | None = ...,
    rois: Symbol | None = ...,
    trans: Symbol | None = ...,
    *,
    spatial_scale: float | str,
    output_dim: int | str,
    group_size: int | str,
    pooled_size: int | str,
    part_size: int | str = ...,
    sample_per_part: int | str = ...,
    trans_std: float | str = ...,
    no_trans: bool | str = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Position-sensitive pooling of regions of interest whose bins are moved by learned offsets (trans) and averaged
    over sample_per_part x sample_per_part bilinear samples. With group_size=1 all bins read one channel: deformable
    RoI pooling. Attributes are those of mx.sym.contrib.DeformablePSROIPooling. (Dai et al., Deformable
    Convolutional Networks, ICCV 2017.)

    Parameters
    ----------
    data : Symbol
        (N, output_dim * group_size * group_size, H, W)
    rois : Symbol
        (R, 5): image, x1, y1, x2, y2 of each region, in pixels of the picture that data shows at spatial_scale
    trans : Symbol
        (R, 2 * classes, part_size, part_size): for each class dx, then dy of each part, in trans_std times the size
        of the region; the output channels are divided evenly over the classes; absent with no_trans
    spatial_scale : a number, required
        pixels of data per pixel of the picture: 1 / stride
    output_dim : an integer, required
        channels of the output
    group_size : an integer, required
        groups of channels along each side
    pooled_size : an integer, required
        bins along each side of a region
    part_size : an integer, default 0
        parts of a region that move alone, along each side; 0 for pooled_size
    sample_per_part : an integer, default 1
        samples along each side of a bin
    trans_std : a number, default 0
        what trans is multiplied by, 0 to 1
    no_trans : True or False, default False
        no input trans: the bins stay where they are
    """

def DynamicFilter(
    data: Symbol | None = ...,
    channel_kernel: Symbol | None = ...,
    spatial_kernel: Symbol | None = ...,
    position_attention: Symbol | None = ...,
    sample_attention: Symbol | None = ...,
    *,
    num_filter: int | str,
    kernel: _Integers = ...,
    samples: _Integers = ...,
    sample_stride: _Integers = ...,
    dilate: _Integers = ...,
    fusion: Literal["sum", "mean"] = ...,
    residual: bool | str = ...,
    attention_at: Literal["sample", "output"] = ...,
    softmax: bool | str = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Dynamic filtering with a large sampling field (LS-DFN): every position filters the windows around samples x
    samples places of its surroundings with a kernel of its own, and adds them up by attention. The kernel of output
    channel v, input channel u and tap (j, i) is spatial_kernel[v, j, i], and at the centre tap also
    channel_kernel[v, u] + 1 / C. (Wu et al., Dynamic Filtering with Large Sampling Field for ConvNets, ECCV 2018.)

    Parameters
    ----------
    data : Symbol
        (N, C, H, W)
    channel_kernel : Symbol
        (N, num_filter * C, H, W): at each position, what channel u counts at the centre tap of filter v, in channel
        v * C + u
    spatial_kernel : Symbol
        (N, num_filter * taps, H, W): at each position, the taps of filter v, row by row, which all channels share;
        tap t in channel v * taps + t
    position_attention : Symbol
        (N, taps, H, W): a factor of each tap, row by row
    sample_attention : Symbol
        (N, number of samples, H, W): a factor of each sample, row by row
    num_filter : an integer, required
        number of output channels
    kernel : a pair of integers (y, x), default (3, 3)
        taps of a window (y, x)
    samples : a pair of integers (y, x), default (5, 5)
        windows around a position (y, x); 1 is a plain dynamic filter
    sample_stride : a pair of integers (y, x), default (3, 3)
        step between windows, in pixels
    dilate : a pair of integers (y, x), default (1, 1)
        step between taps, in pixels
    fusion : one of 'sum', 'mean', default sum
        how the samples become one: their sum, as in the paper, or that over their number
    residual : True or False, default True
        add 1 / C to every channel_kernel: a kernel of zeros gives the mean of the channels
    attention_at : one of 'sample', 'output', default sample
        where position_attention is read: at the centre of the sampled window, as in the paper, or at the output
        position
    softmax : True or False, default False
        take the softmax of spatial_kernel over the taps of each filter
    """

def PSROIPooling(
    data: Symbol | None = ...,
    rois: Symbol | None = ...,
    *,
    spatial_scale: float | str,
    output_dim: int | str,
    pooled_size: int | str,
    group_size: int | str = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Position-sensitive average pooling of regions of interest: each of pooled_size x pooled_size bins is the mean of
    the pixels it touches, in a channel of its own. With group_size=1 all bins read one channel: average RoI
    pooling. Attributes are those of mx.sym.contrib.PSROIPooling. (Dai et al., R-FCN, NIPS 2016.)

    Parameters
    ----------
    data : Symbol
        (N, output_dim * group_size * group_size, H, W)
    rois : Symbol
        (R, 5): image, x1, y1, x2, y2 of each region, in pixels of the picture that data shows at spatial_scale
    spatial_scale : a number, required
        pixels of data per pixel of the picture: 1 / stride
    output_dim : an integer, required
        channels of the output
    pooled_size : an integer, required
        bins along each side of a region
    group_size : an integer, default 0
        groups of channels along each side; 0 for pooled_size
    """

def Shift(
    data: Symbol | None = ...,
    offset: Symbol | None = ...,
    *,
    boundary: Literal["zero", "inside", "border"] = ...,
    name: str | None = ...,
    attr: dict[str, str] | None = ...,
    **hints: Any,
) -> Symbol:
    """Active shift: every channel is read at its own learned sub-pixel displacement, the same at all positions. out[n,
    c, y, x] = data[n, c, y + offset[c, 0], x + offset[c, 1]], bilinear. (Jeon and Kim, Constructing Fast Network
    through Deconstruction of Convolution, NeurIPS 2018.)

    Parameters
    ----------
    data : Symbol
        (N, C, H, W)
    offset : Symbol
        (C, 2): dy, dx of each channel in pixels
    boundary : one of 'zero', 'inside', 'border', default zero
        what a point outside the map reads
    """

__all__ = [
    "ActiveConvolution",
    "DeformableConvolution",
    "ModulatedDeformableConvolution",
    "DeformablePSROIPooling",
    "DynamicFilter",
    "PSROIPooling",
    "Shift",
]
