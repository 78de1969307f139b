# SPDX-License-Identifier: Apache-2.0
"""One function per Caffe layer type: (layer, inputs, graph) -> Symbol. Learned arrays go into `graph`."""

from __future__ import annotations

import math
from collections.abc import Callable

import mxnet as mx
import numpy as np

from lib.nets.operators import ActiveConvolution
from lib.weights.caffe.aconv import check_shape, pair, parse, to_grid
from lib.weights.caffe.read import Layer


class Graph:
    """The network while it is built. arg, aux: its learned arrays by name."""

    def __init__(self, data: str, shape: tuple[int, ...]):
        self.arg: dict[str, np.ndarray] = {}
        self.aux: dict[str, np.ndarray] = {}
        self._inputs = {data: shape}

    def shape(self, symbol: mx.sym.Symbol) -> tuple[int, ...]:
        """The shape of what has been built so far, for the input size of the prototxt."""
        return tuple(symbol.infer_shape(**self._inputs)[1][0])


def active_convolution(layer: Layer, inputs, graph: Graph):
    a = parse(layer)
    grid = to_grid(a)
    graph.arg[f"{layer.name}_offset"] = grid.offset
    graph.arg[f"{layer.name}_weight"] = grid.weight
    if a.bias is not None:
        graph.arg[f"{layer.name}_bias"] = a.bias
    empty = sorted(set(range(grid.kernel[0] * grid.kernel[1])) - set(grid.cells.tolist()))
    return ActiveConvolution(
        inputs[0],
        name=layer.name,
        num_filter=len(a.weight),
        kernel=grid.kernel,
        stride=a.stride,
        pad=grid.pad,
        dilate=grid.dilate,
        num_offset_group=len(a.places),
        normalize_grad=a.normalize,
        fixed_taps=tuple(sorted([int(grid.cells[0]), *empty])),  # AConvFast holds the origin
        boundary="zero",
        no_bias=a.bias is None,
    )


def convolution(layer: Layer, inputs, graph: Graph):
    p = layer.spec.convolution_param
    if p.axis != 1:
        raise layer.error(f"axis {p.axis}, expected 1")
    kernel = pair(layer, "kernel", p.kernel_size, p)
    channels = graph.shape(inputs[0])[1]
    check_shape(layer, "weight", layer.blobs[0], (p.num_output, channels // p.group, *kernel))
    graph.arg[f"{layer.name}_weight"] = layer.blobs[0]
    _bias(layer, p, graph)
    return mx.sym.Convolution(
        inputs[0],
        name=layer.name,
        num_filter=p.num_output,
        kernel=kernel,
        stride=pair(layer, "stride", p.stride, p, default=1),
        pad=pair(layer, "pad", p.pad, p),
        dilate=(p.dilation[0], p.dilation[-1]) if p.dilation else (1, 1),
        num_group=p.group,
        no_bias=not p.bias_term,
    )


def inner_product(layer: Layer, inputs, graph: Graph):
    p = layer.spec.inner_product_param
    if p.axis != 1:
        raise layer.error(f"axis {p.axis}, expected 1")
    weight = layer.blobs[0].reshape(layer.blobs[0].shape[-2:])  # once (1, 1, outputs, inputs)
    weight = weight.T if p.transpose else weight
    check_shape(layer, "weight", weight, (p.num_output, math.prod(graph.shape(inputs[0])[1:])))
    graph.arg[f"{layer.name}_weight"] = np.ascontiguousarray(weight)
    _bias(layer, p, graph)
    return mx.sym.FullyConnected(inputs[0], name=layer.name, num_hidden=p.num_output, no_bias=not p.bias_term)


def _bias(layer, p, graph) -> None:
    if len(layer.blobs) != 1 + p.bias_term:
        raise layer.error(f"bias_term {p.bias_term}, but {len(layer.blobs)} blobs")
    if p.bias_term:
        bias = layer.blobs[1].reshape(-1)  # once (1, 1, 1, outputs)
        check_shape(layer, "bias", bias, (p.num_output,))
        graph.arg[f"{layer.name}_bias"] = bias


def batch_norm(layer: Layer, inputs, graph: Graph, scale: Layer | None = None):
    """Caffe's BatchNorm and, if one follows, the Scale that gives it gamma and beta."""
    p = layer.spec.batch_norm_param
    channels = graph.shape(inputs[0])[1]
    mean, variance = statistics(layer, channels)
    graph.aux[f"{layer.name}_moving_mean"], graph.aux[f"{layer.name}_moving_var"] = mean, variance
    gamma, beta = scale_and_shift(scale, channels) if scale else (np.ones(channels), np.zeros(channels))
    graph.arg[f"{layer.name}_gamma"] = gamma.astype(np.float32)
    graph.arg[f"{layer.name}_beta"] = beta.astype(np.float32)
    momentum = round(p.moving_average_fraction, 7)  # stored as float32
    return mx.sym.BatchNorm(inputs[0], name=layer.name, fix_gamma=False, eps=round(p.eps, 12), momentum=momentum)


def statistics(layer: Layer, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance: Caffe stores sums and, in the third blob, what to divide them by (0 makes them 0)."""
    mean, variance, weight = layer.blobs
    check_shape(layer, "mean", mean, (channels,))
    check_shape(layer, "variance", variance, (channels,))
    check_shape(layer, "weight of the statistics", weight, (1,))
    factor = np.float32(1 / weight[0] if weight[0] else 0)
    return mean * factor, variance * factor


def scale(layer: Layer, inputs, graph: Graph):
    channels = graph.shape(inputs[0])[1]
    shape = (1, channels) + (1,) * (len(graph.shape(inputs[0])) - 2)
    weight, bias = scale_and_shift(layer, channels)
    graph.arg[f"{layer.name}_weight"], graph.arg[f"{layer.name}_bias"] = weight.reshape(shape), bias.reshape(shape)
    factor = mx.sym.var(f"{layer.name}_weight", shape=shape)
    term = mx.sym.var(f"{layer.name}_bias", shape=shape)
    scaled = mx.sym.broadcast_mul(inputs[0], factor, name=f"{layer.name}_scaled")
    return mx.sym.broadcast_add(scaled, term, name=layer.name)


def scale_and_shift(layer: Layer, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Factor and term per channel of a Scale layer."""
    p = layer.spec.scale_param
    if p.axis != 1 or p.num_axes != 1 or len(layer.bottoms) != 1:
        raise layer.error(f"expected one input, axis 1, num_axes 1; has {len(layer.bottoms)}, {p.axis}, {p.num_axes}")
    check_shape(layer, "factors", layer.blobs[0], (channels,))
    if len(layer.blobs) != 1 + p.bias_term:
        raise layer.error(f"bias_term {p.bias_term}, but {len(layer.blobs)} blobs")
    bias = layer.blobs[1] if p.bias_term else np.zeros(channels, np.float32)
    check_shape(layer, "bias", bias, (channels,))
    return layer.blobs[0], bias


def relu(layer: Layer, inputs, graph: Graph):
    slope = layer.spec.relu_param.negative_slope
    if slope:
        return mx.sym.LeakyReLU(inputs[0], name=layer.name, act_type="leaky", slope=slope)
    return mx.sym.Activation(inputs[0], name=layer.name, act_type="relu")


def pooling(layer: Layer, inputs, graph: Graph):
    p = layer.spec.pooling_param
    kinds = {0: "max", 1: "avg"}
    if p.pool not in kinds:
        raise layer.error("stochastic pooling is not supported")
    if p.global_pooling:
        return mx.sym.Pooling(inputs[0], name=layer.name, kernel=(1, 1), global_pool=True, pool_type=kinds[p.pool])
    kernel, stride, pad, size = window(layer, graph.shape(inputs[0])[2:])
    pooled = mx.sym.Pooling(
        inputs[0],
        name=layer.name,
        kernel=kernel,
        stride=stride,
        pad=pad,
        pool_type=kinds[p.pool],
        pooling_convention="valid" if p.round_mode else "full",
    )
    if graph.shape(pooled)[2:] != size:  # Caffe leaves out a window that would begin in the padding
        pooled = mx.sym.slice(pooled, begin=(None, None, 0, 0), end=(None, None, *size), name=f"{layer.name}_cut")
    return pooled


def window(layer: Layer, size: tuple[int, ...]):
    """Kernel, stride, pad and output size, each (y, x), of a Pooling layer on a map of `size`."""
    p = layer.spec.pooling_param
    kernel = (p.kernel_h or p.kernel_size, p.kernel_w or p.kernel_size)
    stride = (p.stride_h or p.stride, p.stride_w or p.stride)
    pad = (p.pad_h or p.pad, p.pad_w or p.pad)
    if not all(0 <= each < side for each, side in zip(pad, kernel)):
        raise layer.error(f"expected a padding below the kernel, got pad {pad} and kernel {kernel}")
    out = []
    for length, k, s, q in zip(size, kernel, stride, pad):
        spans = length + 2 * q - k
        if spans < 0:
            raise layer.error(f"kernel {kernel} is larger than its padded input {size}")
        count = (spans // s if p.round_mode else -(-spans // s)) + 1
        out.append(count - 1 if any(pad) and (count - 1) * s >= length + q else count)
    return kernel, stride, pad, tuple(out)


def eltwise(layer: Layer, inputs, graph: Graph):
    p = layer.spec.eltwise_param
    if len(p.coeff) not in (0, len(inputs)) or len(p.coeff) and p.operation != 1:
        raise layer.error(f"{len(p.coeff)} coefficients for {len(inputs)} inputs; expected one for each, and a SUM")
    terms = [each * coeff if coeff != 1 else each for each, coeff in zip(inputs, p.coeff or [1] * len(inputs))]
    join = {0: mx.sym.elemwise_mul, 1: mx.sym.elemwise_add, 2: mx.sym.broadcast_maximum}[p.operation]
    result = terms[0]
    for number, term in enumerate(terms[1:], 2):
        result = join(result, term, name=layer.name if number == len(terms) else f"{layer.name}_{number}")
    return result


def concat(layer: Layer, inputs, graph: Graph):
    p = layer.spec.concat_param
    axis = p.concat_dim if p.HasField("concat_dim") else p.axis
    return mx.sym.Concat(*inputs, dim=axis, name=layer.name)


def flatten(layer: Layer, inputs, graph: Graph):
    p = layer.spec.flatten_param
    if p.axis != 1 or p.end_axis != -1:
        raise layer.error(f"axes {p.axis} to {p.end_axis}, expected 1 to -1")
    return mx.sym.Flatten(inputs[0], name=layer.name)


def dropout(layer: Layer, inputs, graph: Graph):
    return mx.sym.Dropout(inputs[0], name=layer.name, p=layer.spec.dropout_param.dropout_ratio)


def softmax(layer: Layer, inputs, graph: Graph):
    return mx.sym.softmax(inputs[0], axis=layer.spec.softmax_param.axis, name=layer.name)


MAKE: dict[str, Callable] = {
    "AConvFast": active_convolution, "Convolution": convolution, "InnerProduct": inner_product,
    "BatchNorm": batch_norm, "Scale": scale, "ReLU": relu, "Pooling": pooling, "Eltwise": eltwise, "Concat": concat,
    "Flatten": flatten, "Dropout": dropout, "Softmax": softmax,
}  # fmt: skip
