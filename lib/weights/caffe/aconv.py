# SPDX-License-Identifier: Apache-2.0
"""From AConvFast's ordered taps at absolute places to ActiveConvolution's grid plus offsets.

AConvFast (jyh2986/Active-Convolution): tap 0 is the origin, tap i >= 1 starts at the angle 2 pi (i-1) / (K-1) +
base_angle on a circle of base_radius, x to the right and y down; blobs 2 and 3 hold where the taps are now. The output
(h, w) reads (h * stride - pad + y, w * stride - pad + x), and there are (H + 2 pad - 1) / stride + 1 rows of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lib.weights.caffe.read import Layer

SQUARE = 0  # AConvParameter.type


@dataclass(frozen=True)
class AConv:
    """An AConvFast layer as its file has it. Pairs are (y, x).

    weight: (Cout, Cin, K), the last axis in the order of the taps. bias: (Cout,) or None.
    places: (groups, K, 2), (y, x) in input pixels from the origin; consecutive filters share a group.
    pad: of the origin, may be negative. kernel: as written in the file; says only that K = their product.
    radius, angle: where the taps started. normalize: the position gradient was divided by its length in training.
    """

    weight: np.ndarray
    bias: np.ndarray | None
    places: np.ndarray
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    radius: float
    angle: float
    normalize: bool


@dataclass(frozen=True)
class Grid:
    """The same layer for ActiveConvolution: attributes and the arrays `offset`, `weight` and, if any, `bias`.

    kernel, pad, dilate: of the regular grid. cells: (K,), the row-major cell that each tap took; a cell that no tap
    took has weight 0 and offset 0, and exists because a grid around a centre has odd sides.
    """

    kernel: tuple[int, int]
    pad: tuple[int, int]
    dilate: tuple[int, int]
    cells: np.ndarray
    offset: np.ndarray
    weight: np.ndarray


def parse(layer: Layer) -> AConv:
    """Reads an AConvFast layer. Raises CaffeError for blobs that do not fit or what AConvFast itself refuses."""
    conv, aconv = layer.spec.convolution_param, layer.spec.aconv_param
    if len(conv.dilation) or conv.group != 1 or conv.axis != 1:
        raise layer.error("AConvFast has no dilation, no groups and axis 1")
    weight, bias, x, y = layer.blobs
    square = aconv.type == SQUARE
    kernel = pair(layer, "kernel", conv.kernel_size, conv)
    pad = pair(layer, "pad", conv.pad, conv) if square else (aconv.pad, aconv.pad)
    if square:
        if any(aconv.HasField(name) for name in ("pad", "pad_h", "pad_w")):
            raise layer.error("aconv_param.pad is for other types than SQUARE")
        pad = (pad[0] - kernel[0] // 2, pad[1] - kernel[1] // 2)
    elif aconv.HasField("pad_h") or aconv.HasField("pad_w"):
        pad = (aconv.pad_h, aconv.pad_w)
    taps, groups = kernel[0] * kernel[1], aconv.position_group
    check_shape(layer, "weight", weight, (conv.num_output, None, *kernel))
    for name, blob in (("x positions", x), ("y positions", y)):
        check_shape(layer, name, blob, (groups, 1, *kernel))
    if groups < 1 or conv.num_output % groups:
        raise layer.error(f"position_group {groups} does not divide num_output {conv.num_output}")
    if conv.bias_term:
        check_shape(layer, "bias", bias, (conv.num_output,))
    return AConv(
        weight.reshape(*weight.shape[:2], taps),
        bias if conv.bias_term else None,
        np.stack([y.reshape(groups, taps), x.reshape(groups, taps)], axis=-1),
        kernel,
        pair(layer, "stride", conv.stride, conv, default=1),
        pad,
        aconv.base_radius,
        aconv.base_angle,
        aconv.normalize,
    )


def to_grid(layer: AConv) -> Grid:
    """The layer as a regular grid with offsets that put every tap where it is.

    Nine taps that started around a square take the cells they started in, with the dilation of that square, so that
    offset 0 is where training began. All others take cells in the order of their taps; the offsets do the rest.
    """
    taps = layer.weight.shape[-1]
    dilate = max(1, round(layer.radius)) if taps > 1 else 1
    kernel = _kernel(layer, taps, dilate)
    cells = _cells(layer, taps, kernel)
    y, x = np.divmod(cells, kernel[1])
    regular = dilate * np.stack([y - kernel[0] // 2, x - kernel[1] // 2], axis=-1)
    count = kernel[0] * kernel[1]
    weight = np.zeros((*layer.weight.shape[:2], count), np.float32)
    weight[..., cells] = layer.weight
    offset = np.zeros((len(layer.places), count, 2), np.float32)
    offset[:, cells] = layer.places - regular
    return Grid(
        kernel,
        (layer.pad[0] + dilate * (kernel[0] // 2), layer.pad[1] + dilate * (kernel[1] // 2)),
        (dilate, dilate),
        cells,
        offset.reshape(len(offset), 1, *kernel, 2),
        weight.reshape(*weight.shape[:2], *kernel),
    )


def start_places(taps: int, radius: float, angle: float) -> np.ndarray:
    """(taps, 2): (y, x) where AConvFast puts its taps before rounding and noise."""
    around = 2 * math.pi * np.arange(taps - 1) / max(1, taps - 1) + angle
    places = radius * np.stack([np.sin(around), np.cos(around)], axis=-1)
    return np.concatenate([np.zeros((1, 2)), places])


def _cells(layer: AConv, taps: int, kernel: tuple[int, int]) -> np.ndarray:
    """The row-major cell of each tap, the origin (tap 0) in the middle."""
    if kernel == (3, 3) and taps == 9:
        y, x = np.rint(start_places(taps, 1.0, layer.angle)).astype(int).T
        started = (y + 1) * 3 + x + 1
        if sorted(started) == list(range(9)):
            return started
    count = kernel[0] * kernel[1]
    return np.roll(np.arange(count), -(count // 2))[:taps]


def _kernel(layer: AConv, taps: int, dilate: int) -> tuple[int, int]:
    """Odd sides, so that there is a middle; room for all taps; and a padding of at least 0."""
    least = [1 + 2 * max(0, math.ceil(-pad / dilate)) for pad in layer.pad]
    if all(side % 2 and side >= low for side, low in zip(layer.kernel, least)):
        return layer.kernel
    sides = [(height, -(-taps // height)) for height in range(least[0], max(taps, least[0]) + 1, 2)]
    sides = [(height, max(width + 1 - width % 2, least[1])) for height, width in sides]
    return min(sides, key=lambda pair: (pair[0] * pair[1], abs(pair[0] - pair[1])))


def pair(layer: Layer, name: str, values, param, default: int | None = None) -> tuple[int, int]:
    """(y, x) of kernel, stride or pad, given as one number, two, or <name>_h and <name>_w; pad's default is 0."""
    fields = [f"{name}_h", f"{name}_w"]
    if all(param.HasField(field) for field in fields):
        return getattr(param, fields[0]), getattr(param, fields[1])
    if any(param.HasField(field) for field in fields):
        raise layer.error(f"{fields[0]} and {fields[1]} stand together or not at all")
    if len(values) > 2:
        raise layer.error(f"{name}: expected one number or two, got {list(values)}")
    default = 0 if name == "pad" else default
    if not values and default is None:
        raise layer.error(f"{name}: not given")
    values = list(values) or [default]
    return values[0], values[-1]


def check_shape(layer: Layer, what: str, array: np.ndarray, expected: tuple) -> None:
    """Raises CaffeError if a blob has another shape; None fits any length."""
    fits = array.ndim == len(expected) and all(b is None or a == b for a, b in zip(array.shape, expected))
    if not fits:
        shape = tuple("any" if each is None else each for each in expected)
        raise layer.error(f"{what} has shape {array.shape}, expected {shape}".replace("'any'", "any"))
