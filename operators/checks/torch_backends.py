# SPDX-License-Identifier: Apache-2.0
"""The way through PyTorch, with the face of backends.py; tensors stand on any device."""

from __future__ import annotations

import torch

from operators import for_torch
from operators.checks.case import Case


def on(device: str):
    """The backend for a device: run(case, inputs, out_grad) -> output, gradients, all of them NumPy arrays."""

    def run(case: Case, inputs: dict, out_grad):
        tensors = {name: torch.tensor(values, device=device, requires_grad=True) for name, values in inputs.items()}
        out = call(case, tensors)
        out.backward(torch.tensor(out_grad, device=device))
        grads = {
            name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for name, tensor in tensors.items()
        }
        return _array(out), {name: _array(grad) for name, grad in grads.items()}

    return run


def call(case: Case, tensors: dict):
    """The function for a case's operator, applied to tensors by the library's names."""
    return FUNCTIONS[case.operator](case.attributes, **tensors)


def _array(tensor):
    return tensor.detach().cpu().numpy()


def _grid(attributes: dict) -> dict:
    names = {"stride": "stride", "pad": "padding", "dilate": "dilation"}
    return {ours: attributes[theirs] for theirs, ours in names.items() if theirs in attributes}


def _same(attributes: dict, *names) -> dict:
    return {name: attributes[name] for name in names if name in attributes}


def _active(attributes, data, offset, weight, bias=None):
    more = _same(attributes, "boundary", "normalize_grad", "offset_lr_rate", "fixed_taps")
    groups = attributes.get("num_group", 1)
    return for_torch.active_conv2d(data, offset, weight, bias, **_grid(attributes), groups=groups, **more)


def _deformable(default_boundary):
    def function(attributes, data, offset, weight, bias=None, mask=None):
        boundary = attributes.get("boundary", default_boundary)
        return for_torch.deform_conv2d(data, offset, weight, bias, **_grid(attributes), mask=mask, boundary=boundary)

    return function


def _shift(attributes, data, offset):
    return for_torch.shift2d(data, offset, **attributes)


def _ps_roi_pool(attributes, data, rois):
    more = _same(attributes, "spatial_scale", "group_size")
    return for_torch.ps_roi_pool(data, rois, attributes["pooled_size"], **more)


def _deform_ps_roi_pool(attributes, data, rois, trans=None):
    more = {"sample_per_part": 1, "trans_std": 0.0, **attributes}
    more = _same(more, "spatial_scale", "group_size", "part_size", "sample_per_part", "trans_std")
    return for_torch.deform_ps_roi_pool(data, rois, trans, attributes["pooled_size"], **more)


FUNCTIONS = {
    "ActiveConvolution": _active,
    "DeformableConvolution": _deformable("inside"),
    "ModulatedDeformableConvolution": _deformable("zero"),
    "Shift": _shift,
    "PSROIPooling": _ps_roi_pool,
    "DeformablePSROIPooling": _deform_ps_roi_pool,
}
