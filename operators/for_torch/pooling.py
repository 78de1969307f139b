# SPDX-License-Identifier: Apache-2.0
"""The RoI poolings as torch operators."""

from __future__ import annotations

from operators.for_torch.operation import Operation

_BINS = "float spatial_scale, int output_dim, int pooled_size, int group_size"


def _bins(spatial_scale, output_dim, pooled_size, group_size) -> dict:
    return {
        "spatial_scale": spatial_scale,
        "output_dim": output_dim,
        "pooled_size": pooled_size,
        "group_size": group_size,
    }


def _output(shapes, settings) -> tuple:
    return (shapes[1][0], settings[1], settings[2], settings[2])


def _deformable(shapes, settings):
    part_size, sample_per_part, trans_std = settings[4:]
    return "DeformablePSROIPooling", {
        **_bins(*settings[:4]),
        "part_size": part_size,
        "sample_per_part": sample_per_part,
        "trans_std": trans_std,
        "no_trans": shapes[2] is None,
    }


# Boxes hold coordinates of the image: half precision would move them by pixels, so autocast runs both in float32.
PS_ROI_POOL = Operation(
    "ps_roi_pool",
    tensors=("input", "boxes"),
    settings=_BINS,
    configure=lambda shapes, settings: ("PSROIPooling", _bins(*settings)),
    traced_shape=_output,
    differentiable=("input",),
)

DEFORM_PS_ROI_POOL = Operation(
    "deform_ps_roi_pool",
    tensors=("input", "boxes", "trans?"),
    settings=f"{_BINS}, int part_size, int sample_per_part, float trans_std",
    configure=_deformable,
    traced_shape=_output,
    differentiable=("input", "trans"),
)
