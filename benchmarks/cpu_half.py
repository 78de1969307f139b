# SPDX-License-Identifier: Apache-2.0
"""What half types cost on a CPU: each operator in float32, under torch.autocast, and on tensors of 16 bits:

    python -m benchmarks.cpu_half [--dtype bfloat16] [--rounds 15] [--out FILE]

Forward and backward pass together, of shape B of `benchmarks.operators`. The three take turns, so that what else the
machine does meets all of them alike; a row gives medians, and the median of the ratios of each turn. Under autocast
parameters and inputs are float32, as a model's are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.operators.suites import SHAPES
from lib.run.atomic import write_json
from operators import for_torch, set_num_threads

(IMAGES, CHANNELS, HEIGHT, WIDTH), FILTERS, PAD = SHAPES["B"]


def _tensors(*shapes) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def operators() -> dict:
    """name -> (function of tensors, the tensors in float32)"""
    data, weight = (IMAGES, CHANNELS, HEIGHT, WIDTH), (FILTERS, CHANNELS, 3, 3)
    taps = (IMAGES, 18, HEIGHT, WIDTH), (IMAGES, 9, HEIGHT, WIDTH)
    return {
        "deform_conv2d": (
            lambda x, offset, w: for_torch.deform_conv2d(x, offset, w, padding=PAD),
            _tensors(data, taps[0], weight),
        ),
        "deform_conv2d with mask": (
            lambda x, offset, w, mask: for_torch.deform_conv2d(x, offset, w, padding=PAD, mask=mask),
            _tensors(data, taps[0], weight, taps[1]),
        ),
        "active_conv2d": (
            lambda x, offset, w: for_torch.active_conv2d(x, offset, w, padding=PAD),
            _tensors(data, (1, 1, 3, 3, 2), weight),
        ),
        "shift2d": (for_torch.shift2d, _tensors(data, (CHANNELS, 2))),
    }


def _seconds(function, tensors, autocast: torch.dtype | None = None) -> float:
    tensors = [each.detach().requires_grad_() for each in tensors]
    begin = time.perf_counter()
    with torch.autocast("cpu", autocast, enabled=autocast is not None):
        out = function(*tensors)
    out.backward(torch.ones_like(out))
    return time.perf_counter() - begin


def row(name: str, function, tensors, dtype: torch.dtype, rounds: int) -> dict:
    half = [each.to(dtype) for each in tensors]
    ways = {
        "float32": lambda: _seconds(function, tensors),
        "autocast": lambda: _seconds(function, tensors, dtype),
        "half": lambda: _seconds(function, half),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):  # the first is thrown away
        for way, run in ways.items():
            seconds = run()
            if number:
                taken[way].append(seconds)
    found = {way: float(np.median(each)) for way, each in taken.items()}
    ratios = {way: float(np.median(np.divide(taken[way], taken["float32"]))) for way in ("autocast", "half")}
    return {"operator": name, "seconds": found, "times float32": ratios}


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser("python -m benchmarks.cpu_half", description=__doc__.splitlines()[0])
    made.add_argument("--dtype", choices=["bfloat16", "float16"], default="bfloat16", help="default %(default)s")
    made.add_argument("--rounds", type=int, default=15, help="default %(default)s")
    made.add_argument("--threads", type=int, default=1, help="of torch and of the operators (default %(default)s)")
    made.add_argument("--out", type=Path, help="a result file, JSON")
    options = made.parse_args(arguments)
    if min(options.rounds, options.threads) < 1:
        made.error(f"--rounds and --threads: expected at least 1, got {options.rounds} and {options.threads}")
    torch.set_num_threads(options.threads)
    set_num_threads(options.threads)
    rows = []
    for name, (function, tensors) in operators().items():
        rows.append(row(name, function, tensors, getattr(torch, options.dtype), options.rounds))
        print(json.dumps(rows[-1]), flush=True)
    if options.out:
        settings = {"dtype": options.dtype, "rounds": options.rounds, "threads": options.threads}
        write_json(options.out, {"torch": torch.__version__, **settings, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
