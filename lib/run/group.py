# SPDX-License-Identifier: Apache-2.0
"""The processes that train one network together: who this one is, and sums over all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np


class GroupError(RuntimeError):
    """The processes of a distributed training do not fit together."""


class Group(ABC):
    """Workers that train together. rank, size: this process among them, and how many they are; rank 0 writes all files.

    All workers must call each method, in the same order.
    """

    rank = 0
    size = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    @abstractmethod
    def by_rank(self, values: np.ndarray) -> np.ndarray:
        """float64 (size, n): the float64 (n,) that each worker gave, exactly."""

    def total(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """The sum over all workers of their `values`, float64 (n,), added in the order of ranks, so always the same."""
        return self.by_rank(np.asarray(values, np.float64).ravel()).sum(axis=0)

    def gather(self, value: float) -> list[float]:
        """`value` of every worker, by rank."""
        return self.by_rank(np.array([value], np.float64))[:, 0].tolist()

    def agree(self, what: str, value: float) -> None:
        """Raises GroupError, in every worker, if they do not all have the same `value` of `what`."""
        values = self.gather(value)
        if any(each != values[0] for each in values):
            listed = ", ".join(f"worker {rank}: {each:.16g}" for rank, each in enumerate(values))
            raise GroupError(f"the workers differ in {what}: {listed}")


class Alone(Group):
    """One process that trains by itself."""

    def by_rank(self, values: np.ndarray) -> np.ndarray:
        return values[None]
