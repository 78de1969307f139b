# SPDX-License-Identifier: Apache-2.0
"""MXNet's BatchNorm, its statistics moved as MXNet 1.9.1 moves them on a CPU.

moving = momentum * moving + (1 - momentum) * of the batch, with the batch's biased variance, in the backward pass: a
forward pass alone, and layers before the first trained parameter, leave them as they are. fix_gamma sets gamma to 1, in
place, and its gradient to 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from operators.for_torch.symbols.attributes import IGNORED, double, flag, integer, single
from operators.for_torch.symbols.operator import operator


def _shapes(a, shapes):
    return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_var"), shapes["data"][1:2])


@operator(
    "BatchNorm",
    "data gamma beta moving_mean moving_var",
    {
        "eps": double(0.0010000000474974513),
        "momentum": single(0.9),
        "fix_gamma": flag(True),
        "use_global_stats": flag(False),
        "output_mean_var": flag(False, (False,)),
        "axis": integer(1, (1,)),
        "cudnn_off": IGNORED,
        "min_calib_range": IGNORED,  # of quantization
        "max_calib_range": IGNORED,
    },
    shapes=_shapes,
    states=("moving_mean", "moving_var"),
)
def _batch_norm(a):
    if a.training and not a.use_global_stats:
        return lambda *tensors: _BatchNorm.apply(*tensors, a)

    def stored(data, gamma, beta, mean, var):
        gamma = _FixedGamma.apply(gamma, a.training) if a.fix_gamma else gamma
        return F.batch_norm(data, mean, var, gamma, beta, False, 0.0, a.eps)

    return stored


class _FixedGamma(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gamma, training):
        if training:
            gamma.fill_(1)
        return torch.ones_like(gamma)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return torch.zeros_like(grad), None


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, data, gamma, beta, mean, var, a):
        if a.fix_gamma:
            gamma.fill_(1)
        out, batch_mean, inverse = torch.native_batch_norm(data, gamma, beta, None, None, True, 0.0, a.eps)
        ctx.save_for_backward(data, gamma, batch_mean, inverse)
        ctx.states, ctx.attributes = (mean, var), a
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        data, gamma, batch_mean, inverse = ctx.saved_tensors
        a, (mean, var) = ctx.attributes, ctx.states
        wanted = list(ctx.needs_input_grad[:3])
        grads = torch.ops.aten.native_batch_norm_backward(
            grad, data, gamma, None, None, batch_mean, inverse, True, a.eps, wanted
        )
        grads = [each if want else None for each, want in zip(grads, wanted)]
        if a.fix_gamma and wanted[1]:
            grads[1] = torch.zeros_like(gamma)
        mean.mul_(a.momentum).add_(batch_mean.to(mean.dtype), alpha=1 - a.momentum)
        batch_var = (inverse.to(var.dtype).pow(-2) - a.eps).clamp(min=0)
        var.mul_(a.momentum).add_(batch_var, alpha=1 - a.momentum)
        return (*grads, None, None, None)
