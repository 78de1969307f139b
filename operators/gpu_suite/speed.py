# SPDX-License-Identifier: Apache-2.0
"""Times on the device, by CUDA events, of our operators, torchvision's and cuDNN's plain convolution. TF32 is off."""

from __future__ import annotations

import importlib.util
import statistics
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from operators import for_torch

SHAPES = {  # data (N, C, H, W), filters, padding and dilation
    "A": ((1, 512, 64, 128), 512, 2),
    "B": ((1, 256, 50, 84), 256, 1),
    "C": ((32, 128, 28, 28), 128, 1),
    "A8": ((8, 512, 64, 128), 512, 2),
}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ROIS = {"data": (1, 49 * 21, 38, 63), "rois": 300, "size": 7, "scale": 0.0625}
# Ours over the other's time, at most: torchvision at every point, cuDNN's plain convolution forward.
TARGETS = {"torchvision": 0.5, "plain float32": 1.5, "plain float16": 2.5, "plain bfloat16": 2.5}
SAMPLE_MS = 10.0


@dataclass(frozen=True)
class Point:
    """engines : name -> function of the tensors"""

    title: str
    dtype: str
    training: bool
    tensors: tuple
    engines: dict


def run(samples: int, report) -> list:
    """One row for each point: its title and, for each engine, the median milliseconds or why there are none."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    rows = []
    for make in _points():
        point = make()
        row = {"point": point.title, "dtype": point.dtype, "training": point.training, "ms": {}, "failed": {}}
        for name, function in point.engines.items():
            try:
                row["ms"][name] = _time(function, point, samples, deterministic=name == "deterministic")
            except (RuntimeError, ValueError) as error:
                row["failed"][name] = str(error).splitlines()[0]
        rows.append(row)
        report(row)
        del point
        torch.cuda.empty_cache()
    return rows


def _points():
    for dtype in DTYPES:
        for training in (False, True):
            for shape in SHAPES:
                for variant in ("v1", "v2", "active"):
                    yield lambda *given, v=variant, s=shape, d=dtype, t=training: convolution(v, s, d, t)
            yield lambda *given, d=dtype, t=training: pooling(d, t)
            yield lambda *given, d=dtype, t=training: deformable_pooling(d, t)


def convolution(variant: str, shape: str, dtype: str, training: bool, device="cuda") -> Point:
    (batch, channels, height, width), filters, pad = SHAPES[shape]
    random = _drawer(dtype, training, device)
    x, weight = random(batch, channels, height, width), random(filters, channels, 3, 3)
    grid = {"padding": pad, "dilation": pad}
    if variant == "active":
        tensors = (x, random(1, 1, 3, 3, 2), weight)
        engines = {"ours": lambda x, o, w: for_torch.active_conv2d(x, o, w, **grid)}
    else:
        tensors = (x, random(batch, 18, height, width), weight)
        tensors += (random(batch, 9, height, width, mask=True),) if variant == "v2" else ()
        engines = {"ours": lambda x, o, w, m=None: for_torch.deform_conv2d(x, o, w, mask=m, **grid)}
        if importlib.util.find_spec("torchvision"):
            from torchvision.ops import deform_conv2d

            engines["torchvision"] = lambda x, o, w, m=None: deform_conv2d(x, o, w, mask=m, **grid)
    engines["plain"] = lambda x, o, w, m=None: F.conv2d(x, w, **grid)
    if training:
        engines["deterministic"] = engines["ours"]
    return Point(f"{shape} {variant}", dtype, training, tensors, engines)


def pooling(dtype: str, training: bool, device="cuda") -> Point:
    x, boxes = _drawer(dtype, training, device)(*ROIS["data"]), _boxes(dtype, device)
    size, scale = ROIS["size"], ROIS["scale"]
    engines = {"ours": lambda x: for_torch.ps_roi_pool(x, boxes, size, scale)}
    if importlib.util.find_spec("torchvision"):
        from torchvision.ops import ps_roi_pool

        engines["torchvision"] = lambda x: ps_roi_pool(x, boxes, size, scale)
    if training:
        engines["deterministic"] = engines["ours"]
    return Point("ps_roi_pool", dtype, training, (x,), engines)


def deformable_pooling(dtype: str, training: bool, device="cuda") -> Point:
    random, boxes, size = _drawer(dtype, training, device), _boxes(dtype, device), ROIS["size"]
    tensors = (random(*ROIS["data"]), random(ROIS["rois"], 2, size, size))
    engines = {"ours": lambda x, t: for_torch.deform_ps_roi_pool(x, boxes, t, size, ROIS["scale"], size)}
    if training:
        engines["deterministic"] = engines["ours"]
    return Point("deform_ps_roi_pool", dtype, training, tensors, engines)


def _drawer(dtype: str, training: bool, device):
    """random(*shape): normal numbers, offsets of deviation 1 among them; masks even on [0, 1)."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape, mask=False):
        values = (torch.rand if mask else torch.randn)(*shape, generator=generator)
        return values.to(device, DTYPES[dtype]).requires_grad_(training)

    return random


def _boxes(dtype: str, device):
    """Regions of 50 to 400 pixels in a picture of 600 x 1000."""
    random = torch.Generator().manual_seed(1)
    start = torch.rand(ROIS["rois"], 2, generator=random) * torch.tensor([800.0, 450.0])
    size = 50 + 350 * torch.rand(ROIS["rois"], 2, generator=random)
    end = torch.minimum(start + size, torch.tensor([999.0, 599.0]))
    return torch.cat([torch.zeros(ROIS["rois"], 1), start, end], 1).to(device, DTYPES[dtype])


def _time(function, point: Point, samples: int, deterministic: bool) -> float:
    """Milliseconds of one call, the median over samples of as many calls as last SAMPLE_MS.

    Deterministic: without torch's filling of new tensors, which is a debugging aid and no part of the operators.
    """
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        step = _step(function, point)
        for _ in range(3):
            step()
        calls = max(1, min(1000, round(SAMPLE_MS / max(_elapsed(step, 3), 1e-3))))
        return statistics.median(_elapsed(step, calls) for _ in range(samples))
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = filled


def _step(function, point: Point):
    if not point.training:
        return torch.no_grad()(lambda: function(*point.tensors))
    out_grad = torch.randn_like(function(*point.tensors))

    def step():
        # The plain convolution leaves offsets alone.
        torch.autograd.grad(function(*point.tensors), point.tensors, out_grad, allow_unused=True)

    return step


def _elapsed(step, calls: int) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        step()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / calls
