# SPDX-License-Identifier: Apache-2.0
"""Dynamic filtering with a large sampling field in PyTorch."""

from __future__ import annotations

from itertools import product

import torch
from torch import nn
from torch.nn.functional import pad

from operators.for_torch.arguments import as_batch, given, pair
from operators.for_torch.functions import public
from operators.for_torch.operation import Operation
from operators.library import OperatorError

__all__ = ["DynamicFilter2d", "dynamic_filter2d"]

_SETTINGS = (
    "int[2] kernel_size, int[2] samples, int[2] sample_stride, int[2] dilation, str fusion, bool residual, "
    "str attention_at, bool softmax"
)


def _filters(shapes):
    """C' of the shapes of data and channel_kernel."""
    data, channel_kernel = shapes[:2]
    for name, shape in (("data", data), ("channel_kernel", channel_kernel)):
        if len(shape) != 4:
            raise OperatorError(f"{name} must have 4 dimensions (N, channels, H, W), got shape {tuple(shape)}")
    if data[1] < 1 or channel_kernel[1] < 1 or channel_kernel[1] % data[1]:
        raise OperatorError(
            f"the channels of channel_kernel must be a multiple of those of data, got {channel_kernel[1]} and {data[1]}"
        )
    return channel_kernel[1] // data[1]


def _configure(shapes, settings):
    kernel_size, samples, sample_stride, dilation, fusion, residual, attention_at, softmax = settings
    return "DynamicFilter", {
        "num_filter": _filters(shapes),
        "kernel": kernel_size,
        "samples": samples,
        "sample_stride": sample_stride,
        "dilate": dilation,
        "fusion": fusion,
        "residual": residual,
        "attention_at": attention_at,
        "softmax": softmax,
    }


def _steps(number, first, stride) -> list:
    """Steps from the centre to every place of a grid, row by row; `first` places stand before the centre."""
    return [tuple((place[i] - first[i]) * stride[i] for i in (0, 1)) for place in product(*map(range, number))]


def _moved(maps, step):
    """maps (N, K, H, W) read at y + step[0], x + step[1]; 0 outside."""
    (dy, dx), (height, width) = step, maps.shape[2:]
    known = isinstance(height, int) and isinstance(width, int)
    if known and (abs(dy) >= height or abs(dx) >= width):  # or what is padded is as large as the step
        return torch.zeros_like(maps)
    wide = pad(maps, (max(-dx, 0), max(dx, 0), max(-dy, 0), max(dy, 0)))
    return wide[:, :, max(dy, 0) : max(dy, 0) + height, max(dx, 0) : max(dx, 0) + width]


def _composed(tensors, settings):
    """The factored sums of the room's README."""
    data, channel_kernel, spatial_kernel, position, attention = tensors
    kernel_size, samples, sample_stride, dilation, fusion, residual, attention_at, softmax = settings
    channels, filters = data.shape[1], channel_kernel.shape[1] // data.shape[1]
    half = [(size - 1) // 2 for size in kernel_size]
    taps, centre = _steps(kernel_size, half, dilation), half[0] * kernel_size[1] + half[1]
    sums = data.sum(1, keepdim=True)
    seen, tapped = torch.zeros_like(data), [torch.zeros_like(sums)] * len(taps)
    for number, step in enumerate(_steps(samples, [size // 2 for size in samples], sample_stride)):
        factor = attention[:, number : number + 1]
        weights = factor * (position if attention_at == "output" else _moved(position, step))
        seen = seen + weights[:, centre : centre + 1] * _moved(data, step)
        for t, tap in enumerate(taps):
            tapped[t] = tapped[t] + weights[:, t : t + 1] * _moved(sums, (step[0] + tap[0], step[1] + tap[1]))
    spatial = spatial_kernel.unflatten(1, (filters, len(taps)))
    spatial = spatial.softmax(2) if softmax else spatial
    between = channel_kernel.unflatten(1, (filters, channels)) + (1 / channels if residual else 0)
    out = (spatial * torch.cat(tapped, 1).unsqueeze(1)).sum(2) + (between * seen.unsqueeze(1)).sum(2)
    return out / (samples[0] * samples[1]) if fusion == "mean" else out


_TENSORS = ("data", "channel_kernel", "spatial_kernel", "position_attention", "sample_attention")
_DYNAMIC_FILTER2D = Operation(
    "dynamic_filter2d",
    tensors=_TENSORS,
    settings=_SETTINGS,
    configure=_configure,
    traced_shape=lambda shapes, settings: (shapes[0][0], shapes[1][1] // shapes[0][1], *shapes[0][2:]),
    composed=_composed,
    images=_TENSORS,
    differentiable=_TENSORS,
    autocast_dtypes=(torch.float16, torch.bfloat16),
    names_here={"data": "data", "kernel": "kernel_size", "dilate": "dilation", "num_filter": "C'"},
)


@public(
    "Tensor data, Tensor channel_kernel, Tensor spatial_kernel, Tensor position_attention, Tensor sample_attention, "
    "int[2] kernel_size=3, int[2] samples=5, int[2] sample_stride=3, int[2] dilation=1, str fusion='sum', "
    "bool residual=True, str attention_at='sample', bool softmax=False"
)
def dynamic_filter2d(
    data,
    channel_kernel,
    spatial_kernel,
    position_attention,
    sample_attention,
    kernel_size=3,
    samples=5,
    sample_stride=3,
    dilation=1,
    fusion="sum",
    residual=True,
    attention_at="sample",
    softmax=False,
):
    """Filters with a kernel of each position's own, at samples around it: LS-DFN.

    The kernel of output channel v, input channel u and tap t is spatial_kernel[v, t], and at the centre tap also
    channel_kernel[v, u] + 1 / C. Data and position attention are 0 outside the map.

    Parameters
    ----------
    data : (N, C, H, W) or (C, H, W); the other tensors have the same N, H and W
    channel_kernel : (N, C' C, H, W), channel v C + u
    spatial_kernel : (N, C' k^2, H, W), channel v k^2 + t, taps row by row
    position_attention : (N, k^2, H, W), used as it is
    sample_attention : (N, s^2, H, W), used as it is
    kernel_size, samples, sample_stride, dilation : int or (y, x): k, s, pixels between samples, between taps
    fusion : "sum" or "mean" over the samples
    residual : whether 1 / C is added
    attention_at : where position_attention is read, at the centre of the "sample" or at the "output" position
    softmax : of spatial_kernel over its taps; with samples=1, a zero channel_kernel, residual=False and attentions of
        one it is a plain dynamic filter network

    Returns (N, C', H, W). Source: Wu et al., Dynamic Filtering with Large Sampling Field for ConvNets, ECCV 2018.
    """
    name = _DYNAMIC_FILTER2D.name
    single, *tensors = as_batch(
        name,
        data=data,
        channel_kernel=channel_kernel,
        spatial_kernel=spatial_kernel,
        position_attention=position_attention,
        sample_attention=sample_attention,
    )
    sizes = (
        ("kernel_size", kernel_size),
        ("samples", samples),
        ("sample_stride", sample_stride),
        ("dilation", dilation),
    )
    pairs = [pair(name, argument, value) for argument, value in sizes]
    out = _DYNAMIC_FILTER2D(*tensors, *pairs, fusion, residual, attention_at, softmax)
    return out[0] if single else out


class DynamicFilter2d(nn.Module):
    """dynamic_filter2d with these settings, called with its five tensors; it has no parameters."""

    def __init__(
        self,
        kernel_size=3,
        samples=5,
        sample_stride=3,
        dilation=1,
        fusion="sum",
        residual=True,
        attention_at="sample",
        softmax=False,
    ):
        super().__init__()
        name = type(self).__name__
        self.kernel_size, self.samples = pair(name, "kernel_size", kernel_size), pair(name, "samples", samples)
        self.sample_stride, self.dilation = pair(name, "sample_stride", sample_stride), pair(name, "dilation", dilation)
        self.fusion, self.residual, self.attention_at, self.softmax = fusion, residual, attention_at, softmax
        taps, places = (max(1, size[0]) * max(1, size[1]) for size in (self.kernel_size, self.samples))
        shapes = [(1, maps, 1, 1) for maps in (1, 1, taps, taps, places)]
        _DYNAMIC_FILTER2D.check_layer(name, tuple(shapes), tuple(self._settings().values()))

    def _settings(self) -> dict:
        names = ("kernel_size", "samples", "sample_stride", "dilation", "fusion", "residual", "attention_at", "softmax")
        return {name: getattr(self, name) for name in names}

    def forward(self, data, channel_kernel, spatial_kernel, position_attention, sample_attention):
        return dynamic_filter2d(  # one by one, as TorchScript takes them
            data,
            channel_kernel,
            spatial_kernel,
            position_attention,
            sample_attention,
            self.kernel_size,
            self.samples,
            self.sample_stride,
            self.dilation,
            self.fusion,
            self.residual,
            self.attention_at,
            self.softmax,
        )

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._settings().items())


_SAME_NAMES = ("samples", "sample_stride", "fusion", "residual", "attention_at", "softmax")


def _from_mxnet(attributes, **tensors):
    same = given(attributes, **{name: name for name in _SAME_NAMES})
    out = dynamic_filter2d(**tensors, **same, **given(attributes, kernel_size="kernel", dilation="dilate"))
    if out.shape[1] != attributes["num_filter"]:
        raise OperatorError(
            f"DynamicFilter: channel_kernel must have num_filter times the channels of data, got "
            f"{tensors['channel_kernel'].shape[1]} for {attributes['num_filter']} x {tensors['data'].shape[1]}"
        )
    return out


OPERATIONS = (_DYNAMIC_FILTER2D,)
MXNET = {"DynamicFilter": _from_mxnet}
