# SPDX-License-Identifier: Apache-2.0
"""Runs a plan on tensors in main memory. Those of 16 bits are computed in float32."""

from __future__ import annotations

import struct

import torch

from operators import library
from operators.for_torch.native import WRITE, Plan, functions


def prepared(operation, tensors):
    """The tensors (None for an absent one) that are computed with."""
    if tensors[0].dtype not in (torch.float16, torch.bfloat16):
        return tensors
    operation.require_one_kind(tensors)
    return [None if tensor is None else tensor.float() for tensor in tensors]


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
