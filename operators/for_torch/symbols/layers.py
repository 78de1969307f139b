# SPDX-License-Identifier: Apache-2.0
"""Layers: convolutions, pooling, activations, dropout, enlargement."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from operators.for_torch.symbols.attributes import IGNORED, choice, flag, integer, shape, single
from operators.for_torch.symbols.operator import operator, pair
from operators.library import OperatorError

GRID = {
    "kernel": shape(),
    "stride": shape(()),
    "dilate": shape(()),
    "pad": shape(()),
    "num_filter": integer(),
    "num_group": integer(1),
    "workspace": IGNORED,
    "cudnn_tune": IGNORED,
    "cudnn_off": IGNORED,
    "layout": choice("NCDHW NCHW NCW NDHWC NHWC", None, (None, "NCHW")),
}


def weighted(a) -> tuple:
    return ("data", "weight") if a.no_bias else ("data", "weight", "bias")


def grid(a) -> dict:
    """Stride, padding and dilation as PyTorch calls them. Raises OperatorError unless they are those of two axes."""
    found = {"stride": pair(a, "stride", 1), "padding": pair(a, "pad", 0), "dilation": pair(a, "dilate", 1)}
    if min(*pair(a, "kernel"), *found["stride"], *found["dilation"]) < 1 or min(found["padding"]) < 0:
        raise OperatorError(f"kernel, stride and dilate must be at least 1, pad 0, got kernel={a.kernel}, {found}")
    if a.num_group < 1 or a.num_filter < 1 or a.num_filter % a.num_group:
        raise OperatorError(f"num_filter must be a multiple of num_group, got {a.num_filter} and {a.num_group}")
    return found


def channels(shape: tuple, groups: int) -> int:
    if len(shape) != 4 or shape[1] % groups:
        raise OperatorError(f"data must have shape (N, a multiple of num_group={groups}, H, W), got {shape}")
    return shape[1]


def _convolution_shapes(a, shapes):
    share = channels(shapes["data"], a.num_group) // a.num_group
    return {"weight": (a.num_filter, share, *a.kernel), "bias": (a.num_filter,)}


@operator("Convolution", weighted, {**GRID, "no_bias": flag(False)}, shapes=_convolution_shapes)
def _convolution(a):
    more = {**grid(a), "groups": a.num_group}
    return lambda data, weight, bias=None: F.conv2d(data, weight, bias, **more)


def _deconvolution_shapes(a, shapes):
    count = channels(shapes["data"], a.num_group)
    return {"weight": (count, a.num_filter // a.num_group, *a.kernel), "bias": (a.num_filter,)}


@operator(
    "Deconvolution",
    weighted,
    {**GRID, "no_bias": flag(True), "adj": shape(()), "target_shape": shape(())},
    shapes=_deconvolution_shapes,
)
def _deconvolution(a):
    more = {**grid(a), "groups": a.num_group}
    adjust, target = pair(a, "adj", 0), pair(a, "target_shape", 0)
    if any(target):
        del more["padding"]
        return lambda data, weight, bias=None: F.conv_transpose2d(
            data, weight, bias, **more, **_padding_for(a, target, more, data.shape[2:])
        )
    if any(by >= step for by, step in zip(adjust, more["stride"])):
        raise OperatorError(f"adj must be less than stride, got {adjust} and {more['stride']}")
    return lambda data, weight, bias=None: F.conv_transpose2d(data, weight, bias, output_padding=adjust, **more)


def _padding_for(a, target, more, size) -> dict:
    """What gives the target_shape: MXNet pads for it, and where that is odd leaves one more row below."""
    padding, below = [], []
    for want, count, kernel, step, dilate in zip(target, size, a.kernel, more["stride"], more["dilation"]):
        over = step * (count - 1) + dilate * (kernel - 1) + 1 - want
        if over < 0:
            raise OperatorError(f"target_shape={target} is more than data of {tuple(size)} gives")
        padding.append((over + 1) // 2)
        below.append(over % 2)
    return {"padding": tuple(padding), "output_padding": tuple(below)}


def _fully_connected_shapes(a, shapes):
    data = shapes["data"]
    return {"weight": (a.num_hidden, math.prod(data[1:]) if a.flatten else data[-1]), "bias": (a.num_hidden,)}


@operator(
    "FullyConnected",
    weighted,
    {"num_hidden": integer(), "no_bias": flag(False), "flatten": flag(True)},
    shapes=_fully_connected_shapes,
)
def _fully_connected(a):
    if not a.flatten:
        return F.linear
    return lambda data, weight, bias=None: F.linear(data.flatten(1), weight, bias)


_ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softsign": F.softsign,
    "softrelu": lambda data: torch.logaddexp(data, data.new_zeros(())),
}


@operator("Activation", "data", {"act_type": choice(" ".join(_ACTIVATIONS))}, same=True)
def _activation(a):
    return _ACTIVATIONS[a.act_type]


def _leaky_inputs(a):
    return ("data", "gamma") if a.act_type == "prelu" else ("data",)


def _leaky_shapes(a, shapes):
    data, gamma = shapes["data"], shapes.get("gamma")
    return {} if gamma == (1,) else {"gamma": data[1:2] if len(data) > 1 else (1,)}


@operator(
    "LeakyReLU",
    _leaky_inputs,
    {
        "act_type": choice("elu gelu leaky prelu rrelu selu", "leaky", ("elu", "gelu", "leaky", "prelu")),
        "slope": single(0.25),
        "lower_bound": IGNORED,  # of rrelu, which draws its slopes; MXNet's gradient of selu is not that of its value
        "upper_bound": IGNORED,
    },
    shapes=_leaky_shapes,
)
def _leaky_relu(a):
    functions = {
        "elu": lambda data: F.elu(data, a.slope),
        "gelu": F.gelu,
        "leaky": lambda data: F.leaky_relu(data, a.slope),
        "prelu": F.prelu,
    }
    return functions[a.act_type]


@operator(
    "Dropout",
    "data",
    {
        "p": single(0.5),
        "mode": choice("always training", "training"),
        "axes": shape(()),
        "cudnn_off": IGNORED,
    },
    same=True,
    keeps=lambda a: a.p == 0 or not (a.training or a.mode == "always"),
)
def _dropout(a):
    if not 0 <= a.p < 1:
        raise OperatorError(f"p must be at least 0 and less than 1, got {a.p}")
    if not a.axes:
        return lambda data: F.dropout(data, a.p)

    def function(data):
        one = [1 if i in a.axes else size for i, size in enumerate(data.shape)]
        return data * F.dropout(data.new_ones(one), a.p)

    return function


@operator(
    "UpSampling",
    lambda a: ("data", "weight") if a.sample_type == "bilinear" else None,
    {
        "scale": integer(),
        "num_filter": integer(0),
        "sample_type": choice("bilinear nearest"),
        "multi_input_mode": choice("concat sum", "concat"),
        "num_args": integer(),
        "workspace": IGNORED,
    },
    shapes=lambda a, shapes: _up_sampling_shapes(a, shapes),
)
def _up_sampling(a):
    if a.sample_type == "nearest":
        return lambda *args: _nearest(a, args)
    pad = math.ceil((a.scale - 1) / 2)
    more = {"stride": a.scale, "padding": pad, "groups": a.num_filter}
    return lambda data, weight: F.conv_transpose2d(data, weight, **more)


def _up_sampling_shapes(a, shapes):
    kernel = 2 * a.scale - a.scale % 2
    return {"weight": (shapes["data"][1], 1, kernel, kernel)} if a.sample_type == "bilinear" else {}


def _nearest(a, args):
    """Every input gets the size that the first has times the scale."""
    size = [n * a.scale for n in args[0].shape[2:]]
    large = []
    for data in args:
        times = [whole // part for whole, part in zip(size, data.shape[2:])]
        if [n * by for n, by in zip(data.shape[2:], times)] != size:
            raise OperatorError(f"data of shape {tuple(data.shape)} does not divide the output's {size}")
        large.append(data.repeat_interleave(times[0], 2).repeat_interleave(times[1], 3))
    if len(large) == 1:
        return large[0]
    return torch.cat(large, 1) if a.multi_input_mode == "concat" else torch.stack(large).sum(0)
