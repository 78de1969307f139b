# SPDX-License-Identifier: Apache-2.0
"""A Caffe network in NumPy, float64, straight from its layers by Caffe's own rules.

It shares nothing with the Symbol but the parsed files: taps are taken in AConvFast's order at their absolute places,
each sampled bilinearly with zeros outside the map, and pooling windows are cut as Caffe cuts them. What both agree on
is therefore what the authors' code computes. Slow and obvious.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.weights.caffe.read import Layer, Net


def evaluate(net: Net, data: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, float64 array) of what each layer makes of data (N, C, H, W), one after the other."""
    blobs = {net.input: np.asarray(data, np.float64)}
    for layer in net.layers:
        blobs[layer.tops[0]] = _RULES[layer.type](layer, [blobs[name] for name in layer.bottoms])
        yield layer.name, blobs[layer.tops[0]]


def sample(data: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """data (N, C, H, W) at rows y (h) and columns x (w), in pixels: (N, C, h, w); each neighbour outside counts 0."""
    height, width = data.shape[2:]
    padded = np.pad(data, ((0, 0), (0, 0), (1, 1), (1, 1)))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = (y - top)[:, None], x - left

    def at(rows, columns):  # anything further out than the ring of zeros is zero as well
        rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
        return padded[:, :, rows[:, None], columns]

    above = at(top, left) * (1 - right) + at(top, left + 1) * right
    below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return above * (1 - down) + below * down


def _aconv(layer: Layer, inputs):
    data = inputs[0]
    conv, aconv = layer.spec.convolution_param, layer.spec.aconv_param
    weight, bias, xs, ys = (blob.astype(np.float64) for blob in layer.blobs)
    sides = weight.shape[2:]
    if aconv.type == 0:  # SQUARE
        given = [conv.pad_h, conv.pad_w] if conv.HasField("pad_h") else (list(conv.pad) or [0]) * 2
        pads = given[0] - sides[0] // 2, given[1 if len(given) == 2 else -1] - sides[1] // 2
    else:
        pads = (aconv.pad_h, aconv.pad_w) if aconv.HasField("pad_h") else (aconv.pad, aconv.pad)
    strides = [conv.stride_h, conv.stride_w] if conv.HasField("stride_h") else [*(list(conv.stride) or [1]) * 2][:2]
    rows, columns = (
        np.arange((size + 2 * pad - 1) // stride + 1) * stride - pad
        for size, pad, stride in zip(data.shape[2:], pads, strides)
    )
    out = np.zeros((len(data), len(weight), len(rows), len(columns)))
    filters = len(weight) // len(xs)
    for group, (x, y) in enumerate(zip(xs.reshape(len(xs), -1), ys.reshape(len(ys), -1))):
        mine = slice(group * filters, (group + 1) * filters)
        for tap in range(x.size):
            seen = sample(data, rows + y[tap], columns + x[tap])
            out[:, mine] += np.einsum("kc,nchw->nkhw", weight[mine].reshape(filters, -1, x.size)[..., tap], seen)
    return out + bias[:, None, None] if conv.bias_term else out


def _convolution(layer: Layer, inputs):
    p, data = layer.spec.convolution_param, inputs[0]
    weight = layer.blobs[0].astype(np.float64)
    pad = (p.pad_h, p.pad_w) if p.HasField("pad_h") else ((list(p.pad) or [0]) * 2)[:2]
    stride = (p.stride_h, p.stride_w) if p.HasField("stride_h") else ((list(p.stride) or [1]) * 2)[:2]
    dilate = ((list(p.dilation) or [1]) * 2)[:2]
    padded = np.pad(data, ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2))
    reach = [d * (k - 1) for d, k in zip(dilate, weight.shape[2:])]
    size = [(padded.shape[2 + i] - reach[i] - 1) // stride[i] + 1 for i in (0, 1)]
    out = np.zeros((len(data), len(weight), *size))
    filters, channels = len(weight) // p.group, weight.shape[1]
    for g in range(p.group):
        mine = slice(g * filters, (g + 1) * filters)
        for i in range(weight.shape[2]):
            for j in range(weight.shape[3]):
                part = padded[:, g * channels : (g + 1) * channels, i * dilate[0] :, j * dilate[1] :]
                part = part[:, :, :: stride[0], :: stride[1]][:, :, : size[0], : size[1]]
                out[:, mine] += np.einsum("kc,nchw->nkhw", weight[mine, :, i, j], part)
    return out + layer.blobs[1].reshape(-1, 1, 1) if p.bias_term else out


def _inner_product(layer: Layer, inputs):
    weight = layer.blobs[0].reshape(layer.blobs[0].shape[-2:]).astype(np.float64)
    p = layer.spec.inner_product_param
    out = inputs[0].reshape(len(inputs[0]), -1) @ (weight if p.transpose else weight.T)
    return out + layer.blobs[1].reshape(-1) if p.bias_term else out


def _channels(values, like):
    return np.asarray(values, np.float64).reshape(-1, *(1,) * (like.ndim - 2))


def _batch_norm(layer: Layer, inputs):
    mean, variance, count = (blob.astype(np.float64) for blob in layer.blobs)
    factor = 1 / count[0] if count[0] else 0.0
    spread = np.sqrt(_channels(variance * factor, inputs[0]) + layer.spec.batch_norm_param.eps)
    return (inputs[0] - _channels(mean * factor, inputs[0])) / spread


def _scale(layer: Layer, inputs):
    out = inputs[0] * _channels(layer.blobs[0], inputs[0])
    return out + _channels(layer.blobs[1], inputs[0]) if layer.spec.scale_param.bias_term else out


def _relu(layer: Layer, inputs):
    slope = layer.spec.relu_param.negative_slope
    return np.where(inputs[0] > 0, inputs[0], slope * inputs[0])


def _pooling(layer: Layer, inputs):
    p, data = layer.spec.pooling_param, inputs[0]
    reduce = [np.max, np.mean][p.pool]
    if p.global_pooling:
        return reduce(data, axis=(2, 3), keepdims=True)
    kernel = (p.kernel_h or p.kernel_size, p.kernel_w or p.kernel_size)
    stride, pad = (p.stride_h or p.stride, p.stride_w or p.stride), (p.pad_h or p.pad, p.pad_w or p.pad)
    starts = []
    for size, k, s, q in zip(data.shape[2:], kernel, stride, pad):
        last = size + 2 * q - k  # a window may stick out (CEIL), but with padding not begin behind the map
        count = int(np.floor(last / s) if p.round_mode else np.ceil(last / s)) + 1
        count -= any(pad) and (count - 1) * s >= size + q
        starts.append([n * s - q for n in range(count)])
    out = np.zeros((*data.shape[:2], len(starts[0]), len(starts[1])))
    for i, top in enumerate(starts[0]):
        for j, left in enumerate(starts[1]):
            part = data[:, :, max(top, 0) : top + kernel[0], max(left, 0) : left + kernel[1]]
            if p.pool == 0:
                out[:, :, i, j] = part.max((2, 3))
            else:  # the padding counts as pixels of value 0, what lies behind it does not count
                height = min(top + kernel[0], data.shape[2] + pad[0]) - top
                width = min(left + kernel[1], data.shape[3] + pad[1]) - left
                out[:, :, i, j] = part.sum((2, 3)) / (height * width)
    return out


def _eltwise(layer: Layer, inputs):
    p = layer.spec.eltwise_param
    if p.operation == 1:
        return sum(coeff * each for coeff, each in zip(p.coeff or [1] * len(inputs), inputs))
    return (np.prod if p.operation == 0 else np.max)(np.stack(inputs), axis=0)


def _softmax(layer: Layer, inputs):
    axis = layer.spec.softmax_param.axis
    powers = np.exp(inputs[0] - inputs[0].max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _concat(layer: Layer, inputs):
    p = layer.spec.concat_param
    return np.concatenate(inputs, axis=p.concat_dim if p.HasField("concat_dim") else p.axis)


_RULES = {
    "AConvFast": _aconv, "Convolution": _convolution, "InnerProduct": _inner_product, "BatchNorm": _batch_norm,
    "Scale": _scale, "ReLU": _relu, "Pooling": _pooling, "Eltwise": _eltwise, "Softmax": _softmax, "Concat": _concat,
    "Flatten": lambda layer, inputs: inputs[0].reshape(len(inputs[0]), -1),
    "Dropout": lambda layer, inputs: inputs[0],
}  # fmt: skip
