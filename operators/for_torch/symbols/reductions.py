# SPDX-License-Identifier: Apache-2.0
"""Operators that sum, average or normalize along axes."""

from __future__ import annotations

import torch
from torch.autograd.function import once_differentiable

from operators.for_torch.symbols.attributes import choice, double, flag, integer, shape, single
from operators.for_torch.symbols.operator import operator
from operators.library import OperatorError


class _Extreme(torch.autograd.Function):
    """Its gradient goes undivided to every element that is the extreme one, as MXNet has it; PyTorch divides it."""

    @staticmethod
    def forward(ctx, data, axes, function):
        out = function(data, axes, keepdim=True)
        ctx.save_for_backward(data == out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


def _sum(data, axes):
    return data.sum(axes, keepdim=True)


def _mean(data, axes):
    return data.mean(axes, keepdim=True)


def _max(data, axes):
    return _Extreme.apply(data, axes, torch.amax)


def _min(data, axes):
    return _Extreme.apply(data, axes, torch.amin)


def _axes(a, ndim: int) -> tuple:
    if not a.axis:
        return tuple(range(ndim))
    if any(not -ndim <= axis < ndim for axis in a.axis):
        raise OperatorError(f"axis={a.axis} does not suit data of {ndim} dimensions")
    axes = {axis % ndim for axis in a.axis}
    return tuple(sorted(set(range(ndim)) - axes if a.exclude else axes))


def _register(name, function, aliases):
    @operator(name, "data", {"axis": shape(None), "keepdims": flag(False), "exclude": flag(False)}, aliases=aliases)
    def build(a):
        def reduce(data):
            axes = _axes(a, data.dim())
            out = function(data, axes) if axes else data
            if a.keepdims:
                return out
            left = [size for i, size in enumerate(data.shape) if i not in axes]
            return out.reshape(left or [1])  # MXNet has no tensors without axes

        return reduce


_register("sum", _sum, "sum_axis")
_register("mean", _mean, "")
_register("max", _max, "max_axis")
_register("min", _min, "min_axis")


def _argument(name, function):
    @operator(name, "data", {"axis": integer(None), "keepdims": flag(False)})
    def build(a):
        if a.axis is None:
            raise OperatorError("axis=None is not served here; served: a number")

        def find(data):
            return function(data.detach(), a.axis, keepdim=a.keepdims).to(data.dtype)  # MXNet's indices are data, too

        return find


_argument("argmax", torch.argmax)
_argument("argmin", torch.argmin)

_SOFTMAX = {
    "axis": integer(-1),
    "temperature": double(None),
    "dtype": choice("float16 float32 float64", None, (None,)),
    "use_length": flag(False, (False,)),
}


def _tempered(a, function):
    if a.temperature in (None, 1.0):
        return lambda data: function(data, a.axis)
    return lambda data: function(data / a.temperature, a.axis)


@operator("softmax", "data", _SOFTMAX, same=True)
def _softmax(a):
    return _tempered(a, torch.softmax)


@operator("log_softmax", "data", _SOFTMAX, same=True)
def _log_softmax(a):
    return _tempered(a, torch.log_softmax)


@operator("softmin", "data", _SOFTMAX, same=True)
def _softmin(a):
    return _tempered(a, lambda data, axis: torch.softmax(-data, axis))


@operator("SoftmaxActivation", "data", {"mode": choice("channel instance", "instance")}, same=True)
def _softmax_activation(a):
    def function(data):
        if a.mode == "instance" and data.dim() != 2:  # MXNet on a CPU takes the last axis, on a GPU all of them
            raise OperatorError(f"mode=instance is served for data of shape (N, C), got {tuple(data.shape)}")
        return data.softmax(1)

    return function


@operator(
    "L2Normalization",
    "data",
    {"eps": single(1e-10), "mode": choice("channel instance spatial", "instance")},
    same=True,
)
def _l2_normalization(a):
    first, last = {"instance": (1, None), "channel": (1, 2), "spatial": (2, None)}[a.mode]

    def function(data):
        axes = tuple(range(data.dim()))[first:last]
        return data / (data.square().sum(axes, keepdim=True) + a.eps).sqrt()

    return function
