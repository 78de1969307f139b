# SPDX-License-Identifier: Apache-2.0
"""The workers of a training by torch.distributed: gloo among CPUs, nccl among GPUs."""

from __future__ import annotations

import os
import sys

import numpy as np
import torch
import torch.distributed as dist

from lib.run.group import Alone, Group, GroupError

NEEDED = ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE")


def group_of(kvstore: str, device: torch.device) -> TorchAlone | TorchGroup:
    """The group of cfg.default.kvstore; this process alone for one of a single process.

    Raises GroupError if a distributed one was not started as such.
    """
    if not kvstore.startswith("dist_"):
        return TorchAlone()
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        raise GroupError(
            f"default.kvstore: {kvstore!r} is for the workers that `./train.sh CONFIG --workers N` starts; "
            f"not set here: {', '.join(missing)}"
        )
    return TorchGroup(device)


class TorchAlone(Alone):
    """One process that trains by itself."""

    def add_up(self, gradients: list[torch.Tensor]) -> None:
        """There is nobody to add."""

    def leave(self, failed: bool) -> None:
        """Nobody waits for it."""


class TorchGroup(Group):
    """Waits until all workers have joined. Numbers are exchanged among the CPUs, gradients among the devices."""

    def __init__(self, device: torch.device):
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def by_rank(self, values: np.ndarray) -> np.ndarray:
        mine = torch.from_numpy(np.ascontiguousarray(values, np.float64))
        all_of_them = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(all_of_them, mine)
        return torch.stack(all_of_them).numpy()

    def add_up(self, gradients: list[torch.Tensor]) -> None:
        """Makes each gradient the sum over all workers."""
        whole = torch._utils._flatten_dense_tensors(gradients)
        dist.all_reduce(whole)
        for gradient, summed in zip(gradients, torch._utils._unflatten_dense_tensors(whole, gradients)):
            gradient.copy_(summed)

    def leave(self, failed: bool) -> None:
        """failed: ends the process at once, for the others may never answer again."""
        if not failed:
            dist.destroy_process_group()
            return
        import traceback

        if sys.exc_info()[1] is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
