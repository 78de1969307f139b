# SPDX-License-Identifier: Apache-2.0
"""Where PyTorch computes: checks the setting gpus against what is present."""

from __future__ import annotations

import ctypes
import os

import torch

from lib.config import ConfigError
from lib.modules import operators

_KEEP = ((-1, 2**31 - 1), (-2, 2**26), (-4, 0))  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX of malloc.h


def device_of(gpus: str) -> torch.device:
    """The device of the setting gpus: '0' is a CUDA device, '' the CPU. Raises ConfigError if it is not there."""
    if not gpus.strip():
        return torch.device("cpu")
    wanted = [int(part) for part in gpus.split(",")]
    if len(wanted) > 1:
        raise ConfigError(f"gpus: {gpus!r}: with engine 'torch' a process has one GPU; ./train.sh CONFIG --workers "
                          f"{len(wanted)} divides them among as many processes")  # fmt: skip
    present = torch.cuda.device_count()
    if wanted[0] >= present:
        seen = f"{present} GPU(s), numbered from 0" if present else "no GPU"
        built = torch.version.cuda or "built for the CPU alone"
        raise ConfigError(f"gpus: {gpus!r} asks for GPU {wanted[0]}, but PyTorch {torch.__version__} (CUDA: {built}) "
                          f"sees {seen}; gpus='' computes on the CPU")  # fmt: skip
    return torch.device("cuda", wanted[0])


def use_cores() -> None:
    """Makes PyTorch and our kernels use as many threads as were said before they were loaded."""
    count = int(os.environ.get("OMP_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    operators.set_num_threads(count)


def keep_memory() -> None:
    """Makes the C library keep the memory of tensors that are no more, up to 2 GiB, for those that come. Otherwise it
    gives large ones back at once, and Linux clears every page again: a fifth of an update's time on a CPU."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        for number, value in _KEEP:
            mallopt(number, value)
