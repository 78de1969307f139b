# SPDX-License-Identifier: Apache-2.0
"""What an operation does under torch.autocast; Operation says in which dtypes."""

from __future__ import annotations

from collections.abc import Callable

import torch


def kernel(operation, key: str) -> Callable:
    """For the dispatcher's keys AutocastCPU and AutocastCUDA."""
    excluded = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, key))

    def call(_, *args):
        with torch._C._ExcludeDispatchKeyGuard(excluded):
            return cast(operation, operation.call, args)

    return call


def cast(operation, function: Callable, args: tuple):
    """`function` of an operation's arguments as torch.autocast, which is on, has them."""
    tensors, device_type = args[: operation.count], args[0].device.type
    # float64 is left as it is, as in every autocast rule of torch
    if any(tensor is not None and tensor.dtype is torch.float64 for tensor in tensors):
        return function(*args)
    chosen = torch.get_autocast_dtype(device_type)
    native = device_type == "cuda" and chosen in operation.autocast_dtypes
    dtype, result_dtype = (chosen, chosen) if native else (torch.float32, tensors[0].dtype)
    tensors = tuple([None if tensor is None else tensor.to(dtype) for tensor in tensors])
    return function(*tensors, *args[operation.count :]).to(result_dtype)
