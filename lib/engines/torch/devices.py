# SPDX-License-Identifier: Apache-2.0
"""Where PyTorch computes: checks the setting gpus against what is present."""

from __future__ import annotations

import os

import torch

from lib.config import ConfigError
from lib.modules import operators


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
