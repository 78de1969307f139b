# SPDX-License-Identifier: Apache-2.0
"""Operators whose gradient is that of a loss, not of their value, whatever gradient comes from above.

Scales are rounded to float32 where MXNet does it, in float64 graphs too. Without a label a loss gives its value,
and its backward pass raises.
"""

from __future__ import annotations

import math

import torch
from torch.autograd.function import once_differentiable

from operators.for_torch.symbols.attributes import choice, flag, rounded, single
from operators.for_torch.symbols.operator import operator
from operators.library import OperatorError

_NORMALIZATION = choice("batch null valid", "null")


def _wide(data):
    """Losses are computed in float32 at least."""
    return data.float() if data.dtype in (torch.float16, torch.bfloat16) else data


class _Loss(torch.autograd.Function):
    """value: data -> output. gradient: (output, label) -> the gradient of data."""

    @staticmethod
    def forward(ctx, data, label, value, gradient):
        out = value(_wide(data))
        ctx.save_for_backward(out, label)
        ctx.gradient, ctx.dtype = gradient, data.dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        out, label = ctx.saved_tensors
        return ctx.gradient(out, label).to(ctx.dtype), None, None, None


def _with_label(a, value, gradient):
    def needs_label(out, label):
        if label is None:
            raise a.node.error("the backward pass of a loss needs its label, which this call left out")
        return gradient(out, label)

    return lambda data, label=None: _Loss.apply(data, label, value, needs_label)


def _scale(grad_scale: float, divisor: int) -> float:
    return rounded(rounded(grad_scale) / divisor)


def _scale_by(grad_scale: float, valid, dtype=torch.float32) -> torch.Tensor:
    """grad_scale over the number of True, at least 1, without waiting for a GPU."""
    count = valid.sum().clamp(min=1).to(dtype)
    return torch.full_like(count, grad_scale) / count  # a number / count would be rounded twice


def _softmax_label(a, shapes):
    data, given = shapes["data"], shapes.get("label")
    if given == data:
        return {}
    if a.multi_output:
        pixels = math.prod(data[2:])
        forms = [(data[0], pixels), (data[0], *data[2:]), (data[0], 1, *data[2:])]
        return {"label": given if given in forms else forms[0]}
    return {"label": data[:-1]}


@operator(
    "SoftmaxOutput",
    "data label",
    {
        "grad_scale": single(1.0),
        "ignore_label": single(-1.0),
        "multi_output": flag(False),
        "use_ignore": flag(False),
        "preserve_shape": flag(False),
        "normalization": _NORMALIZATION,
        "out_grad": flag(False, (False,)),
        "smooth_alpha": single(0.0),
    },
    aliases="Softmax",
    shapes=_softmax_label,
    labels=("label",),
)
def _softmax_output(a):
    def value(data):
        if data.dim() != 2 and not (a.multi_output or a.preserve_shape):
            raise OperatorError(f"data of shape {tuple(data.shape)} needs multi_output or preserve_shape")
        return data.softmax(1 if a.multi_output else -1)

    def gradient(out, label):
        if label.shape == out.shape:
            return (out - label.to(out.dtype)) * a.grad_scale
        return _softmax_gradient(a, out, label)

    return _with_label(a, value, gradient)


def _softmax_gradient(a, out, label):
    """(probability - target) * scale. label: class numbers; one that is no class has no target."""
    axis = 1 if a.multi_output else out.dim() - 1
    classes = out.shape[axis]
    numbers = label.to(torch.int64).reshape([size for i, size in enumerate(out.shape) if i != axis]).unsqueeze(axis)
    scale = _softmax_scale(a, out, numbers)
    known, numbers = (numbers >= 0) & (numbers < classes), numbers.clamp(0, classes - 1)
    if a.smooth_alpha and not a.multi_output:  # MXNet's multi_output does not smooth
        other = rounded(a.smooth_alpha / (classes - 1))
        target = torch.zeros_like(out).scatter_(axis, numbers, known.to(out.dtype))
        return (out - target * (1 - a.smooth_alpha - other) - other) * scale
    of_target = (out.gather(axis, numbers) - known.to(out.dtype)) * scale
    return (out * scale).scatter_(axis, numbers, of_target)


def _softmax_scale(a, out, numbers):
    """A number, or 0-D, or for each label, 0 where it is ignored."""
    valid = numbers != int(a.ignore_label)
    scale: torch.Tensor | float
    if a.normalization == "valid":
        scale = _scale_by(a.grad_scale, valid).to(out.dtype)
    else:
        pixels = math.prod(out.shape[2:]) if a.multi_output else 1
        batch = (out.shape[0] if a.multi_output else numbers.numel()) if a.normalization == "batch" else 1
        scale = rounded(_scale(a.grad_scale, pixels) / batch)
    return valid.to(out.dtype) * scale if a.use_ignore else scale


def _regression(name, value, error):
    @operator(
        name,
        "data label",
        {"grad_scale": single(1.0)},
        shapes=lambda a, shapes: _regression_label(shapes["data"], shapes.get("label")),
        labels=("label",),
    )
    def build(a):
        def gradient(out, label):
            difference = out - label.reshape(out.shape).to(out.dtype)
            return error(difference) * _scale(a.grad_scale, label.numel() // label.shape[0])

        return _with_label(a, value, gradient)


def _regression_label(data, given) -> dict:
    if given is not None and given[:1] == data[:1] and math.prod(given) == math.prod(data):
        return {}
    return {"label": data}


_regression("LinearRegressionOutput", torch.clone, lambda difference: difference)
_regression("LogisticRegressionOutput", torch.sigmoid, lambda difference: difference)
_regression("MAERegressionOutput", torch.clone, torch.sign)


@operator(
    "MakeLoss",
    "data",
    {"grad_scale": single(1.0), "valid_thresh": single(0.0), "normalization": _NORMALIZATION},
    same=True,
)
def _make_loss(a):
    def gradient(out, label):
        if a.normalization == "valid":
            return torch.ones_like(out) * _scale_by(a.grad_scale, out > a.valid_thresh, out.dtype)
        # 'batch' in MXNet 1.9.1: all sizes but the last
        count = math.prod(out.shape[:-1]) if a.normalization == "batch" else 1
        return torch.full_like(out, _scale(a.grad_scale, count))

    return lambda data: _Loss.apply(data, None, torch.clone, gradient)


@operator("make_loss", "data", same=True)
def _make_loss_of_ones(a):
    return lambda data: _Loss.apply(data, None, torch.clone, lambda out, label: torch.ones_like(out))


class _SoftmaxCrossEntropy(torch.autograd.Function):
    """Its gradient is multiplied by the one from above; a probability counts as 1e-8 at least in the value only."""

    @staticmethod
    def forward(ctx, data, label):
        out = _wide(data).softmax(1)
        classes = torch.arange(data.shape[1], device=data.device)
        target = (label.to(torch.int64).unsqueeze(1) == classes).to(out.dtype)
        ctx.save_for_backward(out - target)
        ctx.dtype = data.dtype
        return -(out * target).sum(1).clamp(min=1e-8).log().sum().reshape(1)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return (grad * ctx.saved_tensors[0]).to(ctx.dtype), None


@operator("softmax_cross_entropy", "data label", shapes=lambda a, shapes: {"label": shapes["data"][:1]})
def _softmax_cross_entropy(a):
    return _SoftmaxCrossEntropy.apply
