# SPDX-License-Identifier: Apache-2.0
"""Runs a plan on tensors in the memory of an NVIDIA GPU, on torch's current stream, with scratch memory from torch."""

from __future__ import annotations

import ctypes
import functools
import struct

import torch

from operators import library
from operators.for_torch.native import WRITE, Plan, bind

_POINTER, _INT, _BYTES, _INT32, _INT64 = (
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_int32,
    ctypes.c_int64,
)


@functools.cache
def _functions() -> dict:
    """The functions of core/cuda_api.h. OperatorError if the library was built without CUDA."""
    lib = library.cuda_library()
    lib.acn_cuda_last_error.restype = _BYTES
    where = (_POINTER, _INT64, _INT32, _POINTER)  # workspace, its bytes, device, stream
    return {
        "workspace": bind(
            lib, "acn_cuda_workspace_bytes", _POINTER, _INT, _BYTES, _INT32, _INT32, ctypes.POINTER(_INT64)
        ),
        "forward": bind(lib, "acn_cuda_forward", _POINTER, _INT, _BYTES, _INT32, _BYTES, *where),
        "backward": bind(lib, "acn_cuda_backward", _POINTER, _BYTES, _INT, _BYTES, _BYTES, _BYTES, _INT32, *where),
        "last_error": lib.acn_cuda_last_error,
    }


def check(operation, tensor) -> None:
    _functions()


def forward(plan: Plan, inputs: list) -> torch.Tensor:
    out = inputs[0].new_empty(plan.output_shape)
    packed = plan.pack([tensor.data_ptr() for tensor in inputs])
    workspace, where = _place(plan, packed, inputs, backward=False, deterministic=False)
    output = plan.pack_output(out.data_ptr())
    if _functions()["forward"](plan.handle.address, len(inputs), packed, WRITE, output, *where):
        raise _failure()
    return out


def backward(plan: Plan, grad, inputs: list, wanted: list) -> list:
    """The gradients of the wanted inputs; summed in a fixed order under torch.use_deterministic_algorithms(True)."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    grads = [torch.empty_like(tensor) if want else None for tensor, want in zip(inputs, wanted)]
    packed = plan.pack([tensor.data_ptr() for tensor in inputs])
    workspace, where = _place(plan, packed, inputs, backward=True, deterministic=deterministic)
    status = _functions()["backward"](
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
    if _functions()["workspace"](*arguments):
        raise _failure()
    workspace = torch.empty(size.value, dtype=torch.uint8, device=device)
    stream = torch.cuda.current_stream(device).cuda_stream
    return workspace, (workspace.data_ptr(), size.value, device.index, stream)


def _failure() -> library.OperatorError:
    return library.OperatorError(_functions()["last_error"]().decode())
