# SPDX-License-Identifier: Apache-2.0
"""RoI pooling layers, without parameters."""

from __future__ import annotations

from torch import nn

from operators.for_torch.functional import deform_ps_roi_pool, ps_roi_pool


class PSRoIPool(nn.Module):
    """Position-sensitive RoI average pooling; arguments as ps_roi_pool, called with (input, boxes)."""

    def __init__(self, output_size, spatial_scale=1.0, group_size=None):
        super().__init__()
        self.output_size, self.spatial_scale, self.group_size = output_size, spatial_scale, group_size

    def forward(self, input, boxes):
        return ps_roi_pool(input, boxes, self.output_size, self.spatial_scale, self.group_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, group_size={self.group_size}"


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
