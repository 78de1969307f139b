# SPDX-License-Identifier: Apache-2.0
"""Kernels for the dispatcher's Autograd key. (torch.library.register_autograd costs 100 us a call, and fails under
torch.func transforms.)

First derivatives in reverse mode are the library's. Forward mode and derivatives of derivatives are those of the same
operator in torch operations (`Operation.composed`); where they do not exist they are refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad
from torch.autograd.function import _SingleLevelFunction


class _Function(_SingleLevelFunction):
    """autograd.Function refuses under torch.func transforms, which the dispatcher has already handled at this place."""

    @classmethod
    def apply(cls, *args):
        with enable_single_level_autograd_function():
            return super().apply(*args)  # type: ignore[misc]  # it is C++'s


def _next_level():
    """Where a Function computes: below its own level of autograd. It has switched off all levels, but the outer
    torch.func transforms must see what is computed."""
    if torch._C._functorch.peek_interpreter_stack() is None:
        return torch._C._AutoDispatchBelowAutograd()
    return _inside_a_transform()


@contextlib.contextmanager
def _inside_a_transform():
    with torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True), torch._C._AutoDispatchBelowAutograd():
        yield


def in_forward_mode() -> bool:
    """Inside torch.autograd.forward_ad.dual_level() or torch.func.jvp, jacfwd, hessian and the like."""
    return forward_ad._current_level >= 0


def _has_tangent(tensors) -> bool:
    return in_forward_mode() and any(
        [each is not None and forward_ad.unpack_dual(each).tangent is not None for each in tensors]
    )


def _kernel(function: type[_Function], call: Callable, count: int, with_tangents: Callable) -> Callable:
    """Goes through `function` if one of the first `count` arguments wants a gradient."""

    def kernel(*args):
        if _has_tangent(args[:count]):
            return with_tangents(*args)
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
        with _next_level():
            return operation.call(*args)

    def backward(ctx, grad):
        grads = operation.gradients(grad, ctx.saved_tensors, ctx.settings, ctx.needs_input_grad)
        return (*grads, *[None] * len(ctx.settings))

    # Named so that a result shows grad_fn=<deform_conv2dBackward>.
    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return _kernel(type(operation.name, (_Function,), methods), operation.call, count, operation.in_torch_operations)


def differentiable_backward(operation) -> Callable:
    """The kernel of its backward operator."""
    count = operation.count + 1  # the gradient of the output, and the tensors

    def forward(ctx, *args):
        ctx.save_for_backward(*args[:count])
        ctx.settings, ctx.wanted = args[count:-1], args[-1]
        with _next_level():
            return tuple(operation.call_backward(*args))

    def backward(ctx, *grads):
        found = _second_derivatives(operation, ctx.saved_tensors, ctx.settings, ctx.wanted, grads)
        return (*found, *[None] * (len(ctx.settings) + 1))

    def with_tangents(*args):
        raise NotImplementedError(
            f"{operation.name}: the backward pass has no forward-mode derivative of its own; call the function inside "
            "the dual level (or torch.func.jvp) as well"
        )

    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    function = type(f"{operation.name}_backward", (_Function,), methods)
    kernel = _kernel(function, operation.call_backward, count, with_tangents)
    return lambda *args: list(kernel(*args))


def _second_derivatives(operation, tensors, settings, wanted, grads) -> list:
    """What `grads`, of the gradients that are wanted, give for the gradient of the output and for every tensor."""
    operation.require_derivative(settings)
    tensors = list(tensors)
    by = [i for i, wants in enumerate(wanted, 1) if wants]
    through = [
        i for i, tensor in enumerate(tensors) if tensor is not None and (i == 0 or operation.has_gradient[i - 1])
    ]

    def put(places, values):
        given = list(tensors)
        for place, value in zip(places, values):
            given[place] = value
        return given

    def gradients(*values):
        given = put(through, values)

        def forward(*chosen):
            now = list(given)
            for place, value in zip(by, chosen):
                now[place] = value
            return operation.in_torch_operations(*now[1:], *settings)

        pull = torch.func.vjp(forward, *[given[i] for i in by])[1]
        return pull(given[0])

    pull = torch.func.vjp(gradients, *[tensors[i] for i in through])[1]
    found = dict(zip(through, pull(tuple(grads))))
    return [found.get(i) for i in range(len(tensors))]
