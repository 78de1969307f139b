# SPDX-License-Identifier: Apache-2.0
"""DynamicFilter in PyTorch as it is written without an operator: unfold, a kernel for every position, multiply, sum."""

from __future__ import annotations

import torch
from torch.nn.functional import pad, unfold

from benchmarks.operators.arrays import OUT_GRAD, draw_all
from benchmarks.operators.engines import Prepared

_PLAIN = {"fusion": "sum", "residual": True, "attention_at": "sample", "softmax": False, "dilate": (1, 1)}


class Unfolded:
    def __init__(self, threads: int):
        torch.set_num_threads(threads)

    def versions(self) -> dict:
        return {"torch": torch.__version__}

    def refuses(self, case) -> str:
        if case.operator != "DynamicFilter":
            return f"has no {case.operator}"
        for name, value in _PLAIN.items():
            if case.attributes.get(name, value) != value:
                return f"is written for {name}={value}"
        sizes = (*case.pair("kernel", 3), *case.pair("samples", 5))
        return "" if all(size % 2 for size in sizes) else "is written for odd numbers of taps and samples"

    def note(self, case) -> str:
        return ""

    def prepare(self, case) -> Prepared:
        tensors = {name: torch.from_numpy(values) for name, values in draw_all(case, case.inputs).items()}
        out_grad, kept = tensors.pop(OUT_GRAD, None), {}
        for tensor in tensors.values():
            tensor.requires_grad_(case.training)
        grid = case.pair("kernel", 3), case.pair("samples", 5), case.pair("sample_stride", 3)

        def forward():
            kept.clear()
            with torch.no_grad():
                kept["out"] = dynamic_filter(*tensors.values(), *grid)

        def training():
            kept.clear()
            for tensor in tensors.values():
                tensor.grad = None
            kept["out"] = dynamic_filter(*tensors.values(), *grid)
            kept["out"].backward(out_grad)

        def results():
            grads = {name: tensor.grad.numpy() for name, tensor in tensors.items() if case.training}
            return {"output": kept["out"].detach().numpy(), **grads}

        return Prepared(training if case.training else forward, results)


def dynamic_filter(data, channel_kernel, spatial_kernel, position, attention, kernel, samples, stride):
    """(N, C', H, W), with columns of k^2 s^2 numbers for every number of data and a kernel (C', C, k^2) a position."""
    n, channels, height, width = data.shape
    taps, count = kernel[0] * kernel[1], samples[0] * samples[1]
    windows = _unfold(data, kernel, (1, 1)).view(n, channels * taps, height, width)
    columns = _unfold(windows * position.repeat(1, channels, 1, 1), samples, stride)
    columns = columns.view(n, channels, taps, count, height, width) * attention.view(n, 1, 1, count, height, width)
    weights = spatial_kernel.view(n, -1, 1, taps, height, width)
    between = channel_kernel.view(n, -1, channels, 1, height, width) + 1 / channels
    weights = weights + pad(between, (0, 0, 0, 0, taps // 2, taps // 2))
    return torch.einsum("nvuthw,nutshw->nvhw", weights, columns)


def _unfold(maps, size, step):
    padding = tuple(step[i] * (size[i] // 2) for i in (0, 1))
    return unfold(maps, size, dilation=step, padding=padding)
