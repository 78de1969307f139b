# SPDX-License-Identifier: Apache-2.0
"""The functions under the names, inputs, attributes and defaults that the operators have in MXNet."""

from __future__ import annotations

from operators.for_torch import functional


def call(operator: str, attributes: dict, tensors: dict):
    """An operator by its public name, with attributes as Python values and tensors by the library's input names."""
    return _FUNCTIONS[operator](attributes, **tensors)


def names() -> set:
    return set(_FUNCTIONS)


def _grid(attributes: dict) -> dict:
    return _renamed(attributes, stride="stride", pad="padding", dilate="dilation")


def _renamed(attributes: dict, **names) -> dict:
    return {ours: attributes[theirs] for theirs, ours in names.items() if theirs in attributes}


def _same(attributes: dict, *names) -> dict:
    return {name: attributes[name] for name in names if name in attributes}


def _active(attributes, data, offset, weight, bias=None):
    more = _same(attributes, "boundary", "normalize_grad", "offset_lr_rate", "fixed_taps")
    groups = attributes.get("num_group", 1)
    return functional.active_conv2d(data, offset, weight, bias, **_grid(attributes), groups=groups, **more)


def _deformable(default_boundary):
    def function(attributes, data, offset, weight, bias=None, mask=None):
        more = {
            "boundary": attributes.get("boundary", default_boundary),
            "offset_groups": attributes.get("num_offset_group", 1),
        }
        return functional.deform_conv2d(data, offset, weight, bias, **_grid(attributes), mask=mask, **more)

    return function


def _shift(attributes, data, offset):
    return functional.shift2d(data, offset, **_same(attributes, "boundary"))


def _ps_roi_pool(attributes, data, rois):
    group_size = attributes.get("group_size", 0) or None
    size, scale = attributes["pooled_size"], attributes["spatial_scale"]
    return functional.ps_roi_pool(data, rois, size, scale, group_size)


def _deform_ps_roi_pool(attributes, data, rois, trans=None):
    return functional.deform_ps_roi_pool(
        data,
        rois,
        trans,
        attributes["pooled_size"],
        attributes["spatial_scale"],
        attributes["group_size"],
        attributes.get("part_size", 0) or None,
        attributes.get("sample_per_part", 1),
        attributes.get("trans_std", 0.0),
    )


_FUNCTIONS = {
    "ActiveConvolution": _active,
    "DeformableConvolution": _deformable("inside"),
    "ModulatedDeformableConvolution": _deformable("zero"),
    "Shift": _shift,
    "PSROIPooling": _ps_roi_pool,
    "DeformablePSROIPooling": _deform_ps_roi_pool,
}
