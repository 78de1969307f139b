# SPDX-License-Identifier: Apache-2.0
"""What the RoI poolings share. Boxes hold coordinates of the image: half precision would move them by pixels, so
autocast runs the poolings in float32."""

from __future__ import annotations

import ctypes

import torch

from operators.for_torch.arguments import dimensions, share

BINS = "float spatial_scale, int output_dim, int pooled_size, int group_size"
NAMES = {"rois": "boxes", "pooled_size": "output_size", "output_dim": "the channels of the output"}


def bins_of(spatial_scale, output_dim, pooled_size, group_size) -> dict:
    """The library's attributes for the settings of `BINS`."""
    return {
        "spatial_scale": spatial_scale,
        "output_dim": output_dim,
        "pooled_size": pooled_size,
        "group_size": group_size,
    }


def output_shape(shapes, settings) -> tuple:
    return (shapes[1][0], settings[1], settings[2], settings[2])


def output_channels(name, input, group_size) -> int:
    dimensions(name, "input", input, 4, "(N, out_channels * group_size^2, H, W)")
    return share(name, "the channels of input must be a multiple of group_size^2", input.shape[1], group_size**2)


def in_single_precision(value: float) -> float:
    """The attributes are held so, as in MXNet."""
    return ctypes.c_float(value).value


def check_images(operation, tensors) -> None:
    """As the library does, for what is computed without it."""
    image, count = tensors[1][:, 0].detach(), tensors[0].shape[0]
    wrong = ~((image >= 0) & (image < count) & (image == image.floor()))
    if wrong.any():
        raise operation.wrong(
            f"the image of a region must be a whole number from 0 to {count - 1}, got {image[wrong][0].item()}"
        )


def _rounded(values):
    """To the nearest whole number, halves away from zero."""
    whole = values.trunc()
    return torch.where((values - whole).abs() >= 0.5, whole + values.sign(), whole)


def regions(boxes, spatial_scale: float, shift: float) -> tuple:
    """Boxes on the map, as core/reference_roi.py has them: image (R,), start and size (R, 2) as (y, x), finite (R,)."""
    boxes, scale = boxes.detach(), in_single_precision(spatial_scale)
    corners = _rounded(boxes[:, 1:])
    start = corners[:, :2] * scale + shift
    end = (corners[:, 2:] + 1) * scale + shift
    size = (end - start).clamp(min=0.1)
    finite = (start.isfinite() & size.isfinite()).all(1)
    return boxes[:, 0].long(), start.flip(1), size.flip(1), finite


def groups_of(output_dim: int, bins: int, group_size: int, device) -> torch.Tensor:
    """The channel (output_dim, bins, bins) that every bin of every output channel reads."""
    channel = torch.arange(output_dim, device=device).view(-1, 1, 1) * group_size**2
    group = torch.arange(bins, device=device) * group_size // bins
    return channel + group.view(-1, 1) * group_size + group
