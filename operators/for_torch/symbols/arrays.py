# SPDX-License-Identifier: Apache-2.0
"""Operators that move values about: shapes, parts, joins."""

from __future__ import annotations

import math

import torch
from torch.autograd.function import once_differentiable

from operators.for_torch.symbols.attributes import choice, double, flag, integer, shape
from operators.for_torch.symbols.elementwise import DTYPES
from operators.for_torch.symbols.operator import known, operator, pair
from operators.for_torch.symbols.reshaping import new_shape, old_shape
from operators.library import OperatorError


@operator(
    "Reshape",
    "data",
    {"shape": shape(()), "reverse": flag(False), "target_shape": shape(()), "keep_highest": flag(False)},
    aliases="reshape",
)
def _reshape(a):
    if a.shape:
        return lambda data: data.reshape(new_shape(tuple(data.shape), a.shape, a.reverse))
    if not a.target_shape:
        raise OperatorError("attribute shape is missing")
    return lambda data: data.reshape(old_shape(tuple(data.shape), a.target_shape, a.keep_highest))


@operator("Flatten", "data", aliases="flatten")
def _flatten(a):
    return lambda data: data.reshape(data.shape[0], math.prod(data.shape[1:]))


@operator("transpose", "data", {"axes": shape(())})
def _transpose(a):
    return lambda data: data.permute(a.axes or tuple(range(data.dim()))[::-1])


@operator("SwapAxis", "data", {"dim1": integer(0), "dim2": integer(0)}, aliases="swapaxes")
def _swap_axis(a):
    return lambda data: data.transpose(a.dim1, a.dim2)


@operator("expand_dims", "data", {"axis": integer()})
def _expand_dims(a):
    return lambda data: data.unsqueeze(a.axis)


@operator("Concat", None, {"num_args": integer(), "dim": integer(1)}, aliases="concat")
def _concat(a):
    return lambda *args: torch.cat(args, a.dim)


@operator("stack", None, {"num_args": integer(), "axis": integer(0)})
def _stack(a):
    return lambda *args: torch.stack(args, a.axis)


def _part_names(a):
    return tuple(f"output{i}" for i in range(a.num_outputs))


@operator(
    "SliceChannel",
    "data",
    {"num_outputs": integer(), "axis": integer(1), "squeeze_axis": flag(False)},
    aliases="split",
    outputs=_part_names,
)
def _slice_channel(a):
    def function(data):
        size = data.shape[a.axis]
        if size % a.num_outputs or (a.squeeze_axis and size != a.num_outputs):
            raise OperatorError(f"{size} channels cannot be split into {a.num_outputs}, squeeze_axis={a.squeeze_axis}")
        parts = data.unbind(a.axis) if a.squeeze_axis else data.split(size // a.num_outputs, a.axis)
        return parts if a.num_outputs > 1 else parts[0]

    return function


@operator(
    "slice_axis",
    "data",
    {"axis": integer(), "begin": integer(), "end": integer(none=True)},
    keeps=lambda a: a.begin == 0 and a.end is None,
)
def _slice_axis(a):
    def function(data):
        size = data.shape[a.axis]
        begin = a.begin + size if a.begin < 0 else a.begin
        end = size if a.end is None else a.end + size if a.end < 0 else a.end
        if not 0 <= begin < end <= size:
            raise OperatorError(f"axis {a.axis} has {size} entries, got begin={a.begin} and end={a.end}")
        return data.narrow(a.axis, begin, end - begin)

    return function


@operator("slice", "data", {"begin": shape(), "end": shape(), "step": shape(())}, aliases="crop")
def _slice(a):
    steps = a.step or (None,) * len(a.begin)
    if not len(a.begin) == len(a.end) == len(steps):
        raise OperatorError(f"begin, end and step must be equally long, got {a.begin}, {a.end} and {a.step}")
    if any(step is not None and step < 1 for step in steps):
        raise OperatorError(f"step={a.step} is not served here; served: positive steps")
    parts = tuple(slice(*part) for part in zip(a.begin, a.end, steps))

    def function(data):
        if len(parts) > data.dim():
            raise OperatorError(f"begin={a.begin} has more numbers than data of shape {tuple(data.shape)}")
        out = data[parts]
        if not out.numel():
            raise OperatorError(f"begin={a.begin}, end={a.end} leave nothing of data of shape {tuple(data.shape)}")
        return out

    return function


class _Window(torch.autograd.Function):
    """data[:, :, top:, left:] of a size. Its gradient is laid into zeros once; PyTorch would do so for each axis."""

    @staticmethod
    def forward(ctx, data, top, left, height, width):
        ctx.place = top, left, data.shape
        return data[:, :, top : top + height, left : left + width]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        top, left, shape = ctx.place
        below, right = shape[2] - top - grad.shape[2], shape[3] - left - grad.shape[3]
        return torch.nn.functional.pad(grad, (left, right, top, below)), None, None, None, None


@operator(
    "Crop",
    None,
    {"num_args": integer(), "offset": shape((0, 0)), "h_w": shape((0, 0)), "center_crop": flag(False)},
)
def _crop(a):
    (y, x), h_w = pair(a, "offset"), pair(a, "h_w")
    if a.num_args not in (1, 2):
        raise OperatorError(f"num_args must be 1 or 2, got {a.num_args}")

    def function(data, *like):
        height, width = like[0].shape[2:] if like else h_w
        top, left = ((data.shape[2] - height) // 2, (data.shape[3] - width) // 2) if a.center_crop else (y, x)
        outside = known(data.shape[2:], (height, width)) and (
            top < 0 or left < 0 or top + height > data.shape[2] or left + width > data.shape[3]
        )
        if outside:
            raise OperatorError(f"{height} x {width} at ({top}, {left}) is not inside data {tuple(data.shape)}")
        return _Window.apply(data, top, left, height, width)

    return function


@operator(
    "pick",
    "data index",
    {"axis": integer(-1, none=True), "keepdims": flag(False), "mode": choice("clip wrap", "clip")},
)
def _pick(a):
    if a.axis is None:
        raise OperatorError("axis=None is not served here; served: a number")

    def function(data, index):
        size = data.shape[a.axis]
        kept = torch.Size([1 if i == a.axis % data.dim() else n for i, n in enumerate(data.shape)])
        if index.numel() != kept.numel():
            raise OperatorError(f"index must have the shape of data without axis {a.axis}, got {tuple(index.shape)}")
        index = index.detach().to(torch.int64).reshape(kept)
        index = index.clamp(0, size - 1) if a.mode == "clip" else index.remainder(size)
        out = data.gather(a.axis, index)
        return out if a.keepdims else out.squeeze(a.axis) if data.dim() > 1 else out

    return function


@operator(
    "one_hot",
    "indices",
    {
        "depth": integer(),
        "on_value": double(1.0),
        "off_value": double(0.0),
        "dtype": choice(" ".join(name for name in DTYPES if name != "bool"), "float32"),
    },
)
def _one_hot(a):
    dtype = DTYPES[a.dtype]

    def function(indices):
        classes = torch.arange(a.depth, device=indices.device)
        hit = indices.detach().to(torch.int64).unsqueeze(-1) == classes
        on, off = (torch.tensor(value, dtype=dtype, device=hit.device) for value in (a.on_value, a.off_value))
        return torch.where(hit, on, off)

    return function


@operator("broadcast_like", "lhs rhs", {"lhs_axes": shape(None, (None,)), "rhs_axes": shape(None, (None,))})
def _broadcast_like(a):
    return lambda lhs, rhs: lhs.expand(rhs.shape)


@operator("broadcast_to", "data", {"shape": shape(())})
def _broadcast_to(a):
    return lambda data: data.expand([size or data.shape[i] for i, size in enumerate(a.shape)])


@operator("broadcast_axis", "data", {"axis": shape(()), "size": shape(())}, aliases="broadcast_axes")
def _broadcast_axis(a):
    if len(a.axis) != len(a.size):
        raise OperatorError(f"axis and size must be equally long, got {a.axis} and {a.size}")

    def function(data):
        sizes = list(data.shape)
        for axis, size in zip(a.axis, a.size):
            sizes[axis] = size
        return data.expand(sizes)

    return function
