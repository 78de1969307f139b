# SPDX-License-Identifier: Apache-2.0
"""Kernels for the dispatcher's Autograd key. (torch.library.register_autograd costs 100 us a call, and fails under
torch.func transforms.)"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd.function import _SingleLevelFunction


class _Function(_SingleLevelFunction):
    """autograd.Function refuses under torch.func transforms, which the dispatcher has already handled at this place."""

    @classmethod
    def apply(cls, *args):
        with enable_single_level_autograd_function():
            return super().apply(*args)


def _kernel(function: type, call: Callable, count: int) -> Callable:
    """Goes through `function` if one of the first `count` arguments wants a gradient."""

    def kernel(*args):
        if torch.is_grad_enabled() and any([each is not None and each.requires_grad for each in args[:count]]):
            return function.apply(*args)
        with torch._C._AutoDispatchBelowAutograd():
            return call(*args)

    return kernel


def differentiable(operation) -> Callable:
    """The kernel of an Operation."""
    count = operation.count

    def forward(ctx, *args):
        ctx.save_for_backward(*args[:count])
        ctx.settings = args[count:]
        with torch._C._AutoDispatchBelowAutograd():
            return operation.call(*args)

    def backward(ctx, grad):
        grads = operation.gradients(grad, ctx.saved_tensors, ctx.settings, ctx.needs_input_grad)
        return (*grads, *[None] * len(ctx.settings))

    # Named so that a result shows grad_fn=<deform_conv2dBackward>.
    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return _kernel(type(operation.name, (_Function,), methods), operation.call, count)


def differentiable_once(operation) -> Callable:
    """The kernel of its backward operator, which has no gradients itself and says so when they are asked for."""

    def forward(ctx, *args):
        with torch._C._AutoDispatchBelowAutograd():
            return tuple(operation.call_backward(*args))

    def backward(ctx, *grads):
        raise NotImplementedError(
            f"{operation.name}: gradients of gradients are not implemented (create_graph=True, then backward)"
        )

    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    function = type(f"{operation.name}_backward", (_Function,), methods)
    kernel = _kernel(function, operation.call_backward, operation.count + 1)
    return lambda *args: list(kernel(*args))
