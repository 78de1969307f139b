# SPDX-License-Identifier: Apache-2.0
"""What the RoI poolings share. Boxes hold coordinates of the image: half precision would move them by pixels, so
autocast runs the poolings in float32."""

from __future__ import annotations

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
