# SPDX-License-Identifier: Apache-2.0
"""MXNet's operators in PyTorch, as far as the networks of deeplab/ need them: name -> f(attributes, training, *inputs).

Attributes are Python values; those that a graph leaves out have MXNet's defaults, which differ from PyTorch's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from operators.for_torch import mxnet_names

# In the order of the library; a mask is the third input of the modulated operator only.
_INPUTS = {
    "ActiveConvolution": ("data", "offset", "weight", "bias"),
    "DeformableConvolution": ("data", "offset", "weight", "bias"),
    "ModulatedDeformableConvolution": ("data", "offset", "mask", "weight", "bias"),
    "Shift": ("data", "offset"),
    "PSROIPooling": ("data", "rois"),
    "DeformablePSROIPooling": ("data", "rois", "trans"),
}


def _ours(operator):
    def function(attributes, training, *inputs):
        return mxnet_names.call(operator, attributes, dict(zip(_INPUTS[operator], inputs)))

    return function


def _custom(attributes, training, *inputs):
    return _ours(attributes["op_type"])(attributes, training, *inputs)


def _grid(a) -> dict:
    return {"stride": a.get("stride", (1, 1)), "padding": a.get("pad", (0, 0)), "dilation": a.get("dilate", (1, 1))}


def _convolution(a, training, data, weight, bias=None):
    return F.conv2d(data, weight, bias, **_grid(a), groups=a.get("num_group", 1))


def _deconvolution(a, training, data, weight, bias=None):
    more = {"groups": a.get("num_group", 1), "output_padding": a.get("adj", (0, 0))}
    return F.conv_transpose2d(data, weight, bias, **_grid(a), **more)


def _batch_norm(a, training, data, gamma, beta, mean, var):
    gamma = torch.ones_like(gamma) if a.get("fix_gamma", True) else gamma
    live = training and not a.get("use_global_stats", False)
    return F.batch_norm(data, mean, var, gamma, beta, live, 1 - a.get("momentum", 0.9), a.get("eps", 1e-3))


def _activation(a, training, data):
    return {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}[a["act_type"]](data)


def _pooling(a, training, data):
    if a.get("pool_type", "max") != "max" or a.get("global_pool", False):
        raise NotImplementedError(f"Pooling: only max pooling over windows is served, got {a}")
    full = a.get("pooling_convention", "valid") == "full"
    return F.max_pool2d(data, a["kernel"], a.get("stride", (1, 1)), a.get("pad", (0, 0)), ceil_mode=full)


def _crop(a, training, data, like):
    y, x = a.get("offset", (0, 0))
    return data[:, :, y : y + like.shape[2], x : x + like.shape[3]]


def _slice_axis(a, training, data):
    whole = [slice(None)] * data.dim()
    whole[a["axis"]] = slice(a["begin"], a["end"])
    return data[tuple(whole)]


def _softmax_output(a, training, data, label=None):
    """The probabilities; the loss is the caller's, torch.nn.functional.cross_entropy of their logarithm's argument."""
    if not a.get("multi_output", False) and data.dim() != 2:
        raise NotImplementedError(f"SoftmaxOutput: multi_output or a matrix is served, got shape {tuple(data.shape)}")
    return data.softmax(1)


def _same(a, training, data):
    return data


OPERATORS = {
    "Activation": _activation,
    "BatchNorm": _batch_norm,
    "Convolution": _convolution,
    "Crop": _crop,
    "Custom": _custom,
    "Deconvolution": _deconvolution,
    "Pooling": _pooling,
    "SoftmaxOutput": _softmax_output,
    "_contrib_DeformableConvolution": _ours("DeformableConvolution"),
    "_contrib_ModulatedDeformableConvolution": _ours("ModulatedDeformableConvolution"),
    "_copy": _same,
    "_mul_scalar": lambda a, training, data: data * a["scalar"],
    "clip": lambda a, training, data: data.clamp(a["a_min"], a["a_max"]),
    "elemwise_add": lambda a, training, left, right: left + right,
    "sigmoid": lambda a, training, data: data.sigmoid(),
    "slice_axis": _slice_axis,
    "softmax": lambda a, training, data: data.softmax(a.get("axis", -1)),
}
