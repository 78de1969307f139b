# SPDX-License-Identifier: Apache-2.0
"""Runs a plan on tensors in the memory of an NVIDIA GPU, on torch's current stream, with scratch memory from torch."""

from __future__ import annotations

import ctypes
import struct

import torch

from operators import library
from operators.for_torch.native import WRITE, Plan


def prepared(operation, tensors):
    """The tensors as they are. OperatorError if this build serves no CUDA."""
    library.cuda_library()
    return tensors


def forward(plan: Plan, inputs: list) -> torch.Tensor:
    out = inputs[0].new_empty(plan.output_shape)
    packed = plan.pack([tensor.data_ptr() for tensor in inputs])
    workspace, where = _place(plan, packed, inputs, backward=False, deterministic=False)
    output = plan.pack_output(out.data_ptr())
    if library.cuda_library().acn_cuda_forward(plan.handle.address, len(inputs), packed, WRITE, output, *where):
        raise _failure()
    return out


def backward(plan: Plan, grad, inputs: list, wanted: list) -> list:
    """The gradients of the wanted inputs; summed in a fixed order under torch.use_deterministic_algorithms(True)."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    grads = [torch.empty_like(tensor) if want else None for tensor, want in zip(inputs, wanted)]
    packed = plan.pack([tensor.data_ptr() for tensor in inputs])
    workspace, where = _place(plan, packed, inputs, backward=True, deterministic=deterministic)
    status = library.cuda_library().acn_cuda_backward(
        plan.handle.address,
        plan.pack_output(grad.data_ptr()),
        len(inputs),
        packed,
        struct.pack(f"{len(inputs)}i", *wanted),  # True is 1, write
        plan.pack([0 if each is None else each.data_ptr() for each in grads]),
        deterministic,
        *where,
    )
    if status:
        raise _failure()
    return [each for each in grads if each is not None]


def _place(plan: Plan, packed: bytes, inputs: list, backward: bool, deterministic: bool):
    """Scratch memory, which torch's allocator reuses in stream order, and the arguments that say where to run."""
    device, size = inputs[0].device, ctypes.c_int64()
    arguments = (plan.handle.address, len(inputs), packed, backward, deterministic, ctypes.byref(size))
    if library.cuda_library().acn_cuda_workspace_bytes(*arguments):
        raise _failure()
    workspace = torch.empty(size.value, dtype=torch.uint8, device=device)
    stream = torch.cuda.current_stream(device).cuda_stream
    return workspace, (workspace.data_ptr(), size.value, inputs[0].get_device(), stream)


def _failure() -> library.OperatorError:
    return library.OperatorError(library.cuda_library().acn_cuda_last_error().decode())
