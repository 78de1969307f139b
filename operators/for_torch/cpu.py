# SPDX-License-Identifier: Apache-2.0
"""Runs a plan on tensors in main memory."""

from __future__ import annotations

import struct

import torch

from operators import library
from operators.for_torch.native import WRITE, Plan, functions

_SERVED = (torch.float32, torch.float64)


def check(operation, tensor) -> None:
    if tensor.dtype not in _SERVED:
        raise operation.wrong(
            f"{operation.names[0]} must be torch.float32 or torch.float64 on the CPU, got {tensor.dtype} "
            "(torch.autocast computes in float32)"
        )


def forward(plan: Plan, inputs: list) -> torch.Tensor:
    out = inputs[0].new_empty(plan.output_shape)
    packed = plan.pack([tensor.data_ptr() for tensor in inputs])
    output = plan.pack_output(out.data_ptr())
    if functions()["forward"](plan.handle.address, len(inputs), packed, WRITE, output):
        raise failure()
    return out


def backward(plan: Plan, grad, inputs: list, wanted: list) -> list:
    """The gradients of the wanted inputs; the others cost nothing."""
    grads = [torch.empty_like(tensor) if want else None for tensor, want in zip(inputs, wanted)]
    status = functions()["backward"](
        plan.handle.address,
        plan.pack_output(grad.data_ptr()),
        len(inputs),
        plan.pack([tensor.data_ptr() for tensor in inputs]),
        struct.pack(f"{len(inputs)}i", *wanted),  # True is 1, write
        plan.pack([0 if each is None else each.data_ptr() for each in grads]),
    )
    if status:
        raise failure()
    return [each for each in grads if each is not None]


def failure() -> library.OperatorError:
    return library.OperatorError(library.library().acn_last_error().decode())
