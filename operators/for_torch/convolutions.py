# SPDX-License-Identifier: Apache-2.0
"""The convolutions as torch operators: how their tensors and settings are those of the library."""

from __future__ import annotations

import torch

from operators.for_torch.operation import Operation

_GRID = "int[2] stride, int[2] padding, int[2] dilation, int groups"


def _grid(weight, bias, stride, padding, dilation, groups) -> dict:
    return {
        "kernel": weight[2:],
        "num_filter": weight[0],
        "stride": stride,
        "pad": padding,
        "dilate": dilation,
        "num_group": groups,
        "no_bias": bias is None,
    }


def _output(data, weight, settings) -> tuple:
    stride, padding, dilation = settings[:3]
    size = [(data[2 + i] + 2 * padding[i] - dilation[i] * (weight[2 + i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    return (data[0], weight[0], *size)


def _active(shapes, settings):
    _, offset, weight, bias = shapes
    boundary, normalize_grad, offset_lr_rate, fixed_taps = settings[4:]
    return "ActiveConvolution", {
        **_grid(weight, bias, *settings[:4]),
        "num_offset_group": offset[0],
        "num_deformable_group": offset[1],
        "boundary": boundary,
        "normalize_grad": normalize_grad,
        "offset_lr_rate": offset_lr_rate,
        "fixed_taps": fixed_taps,
    }


def _deformable(shapes, settings):
    _, _, mask, weight, bias = shapes
    deformable_groups, offset_groups, boundary = settings[4:]
    return "DeformableConvolution" if mask is None else "ModulatedDeformableConvolution", {
        **_grid(weight, bias, *settings[:4]),
        "num_deformable_group": deformable_groups,
        "num_offset_group": offset_groups,
        "boundary": boundary,
    }


ACTIVE_CONV2D = Operation(
    "active_conv2d",
    tensors=("input", "offset", "weight", "bias?"),
    settings=f"{_GRID}, str boundary, bool normalize_grad, float offset_lr_rate, int[] fixed_taps",
    configure=_active,
    traced_shape=lambda shapes, settings: _output(shapes[0], shapes[2], settings),
    differentiable=("input", "offset", "weight", "bias"),
    autocast_dtypes=(torch.float16,),  # its offsets are parameters: bfloat16 would round them to 8 bits
)

DEFORM_CONV2D = Operation(
    "deform_conv2d",
    tensors=("input", "offset", "mask?", "weight", "bias?"),
    settings=f"{_GRID}, int deformable_groups, int offset_groups, str boundary",
    configure=_deformable,
    traced_shape=lambda shapes, settings: _output(shapes[0], shapes[3], settings),
    differentiable=("input", "offset", "mask", "weight", "bias"),
    autocast_dtypes=(torch.float16, torch.bfloat16),
)

SHIFT2D = Operation(
    "shift2d",
    tensors=("input", "offset"),
    settings="str boundary",
    configure=lambda shapes, settings: ("Shift", {"boundary": settings[0]}),
    traced_shape=lambda shapes, settings: shapes[0],
    differentiable=("input", "offset"),
    autocast_dtypes=(torch.float16,),
)
