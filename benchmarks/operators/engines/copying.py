# SPDX-License-Identifier: Apache-2.0
"""What memory can do: the time in which the inputs and results of a case, each once, pass the processor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np

from benchmarks.operators.engines import Prepared


class Copying:
    """Copies between two arrays that together are as large as all that the case must read and write."""

    def __init__(self, threads: int):
        self.threads = threads

    def versions(self) -> dict:
        return {"numpy": np.__version__}

    def refuses(self, case) -> str:
        return ""

    def note(self, case) -> str:
        return "copies as many bytes as the inputs and results have"

    def prepare(self, case) -> Prepared:
        numbers = passing_numbers(case) // 2
        source = np.ones(numbers, case.dtype)
        target = np.zeros_like(source)
        edges = [numbers * i // self.threads for i in range(self.threads + 1)]
        pieces = [slice(*pair) for pair in zip(edges, edges[1:])]
        pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

        def copy(piece):
            target[piece] = source[piece]

        def run():
            list(pool.map(copy, pieces) if pool else map(copy, pieces))

        return Prepared(run, dict)


def passing_numbers(case) -> int:
    """Those of the inputs and the output; in training those of their gradients too."""
    once = prod(case.output) + sum(prod(shape) for shape in case.inputs.values())
    return 2 * once if case.training else once
