# SPDX-License-Identifier: Apache-2.0
"""DynamicFilter in NumPy, float64: the definition, as the sum over samples, taps and channels that the paper writes.

Source: Wu, Li, Yang, Bajaj, Ji, Dynamic Filtering with Large Sampling Field for ConvNets, ECCV 2018 (LS-DFN); with one
sample and a softmax: De Brabandere et al., Dynamic Filter Networks, NeurIPS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from operators.core.reference import Reference


@dataclass(frozen=True)
class DynamicFilterAttributes:
    num_filter: int
    kernel: tuple = (3, 3)
    samples: tuple = (5, 5)
    sample_stride: tuple = (3, 3)
    dilate: tuple = (1, 1)
    fusion: str = "sum"
    residual: bool = True
    attention_at: str = "sample"
    softmax: bool = False

    @property
    def centre(self) -> tuple:
        """The tap that reads the centre of a window."""
        return (self.kernel[0] - 1) // 2, (self.kernel[1] - 1) // 2

    def windows(self):
        """(sample, its step from the position), row by row."""
        for number, (b, a) in enumerate(product(range(self.samples[0]), range(self.samples[1]))):
            half = self.samples[0] // 2, self.samples[1] // 2
            yield number, ((b - half[0]) * self.sample_stride[0], (a - half[1]) * self.sample_stride[1])

    def taps(self):
        """(tap, j, i, its step from the centre of the window), row by row."""
        for number, (j, i) in enumerate(product(range(self.kernel[0]), range(self.kernel[1]))):
            step = (j - self.centre[0]) * self.dilate[0], (i - self.centre[1]) * self.dilate[1]
            yield number, j, i, step


def _moved(maps, step):
    """maps (N, K, H, W) read at y + step[0], x + step[1]; 0 outside."""
    height, width = maps.shape[2:]
    dy, dx = (int(np.clip(s, -size, size)) for s, size in zip(step, (height, width)))
    out = np.zeros(maps.shape)
    source = maps[:, :, max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
    out[:, :, max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)] = source
    return out


def _softmax(taps):
    """Over axis 2."""
    powers = np.exp(taps - taps.max(axis=2, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=2, keepdims=True)


def _kernels(a, data, channel_kernel, spatial_kernel):
    """(N, C', C, k, k, H, W): V[v, j, i] + [j, i is the centre] (U[v, u] + 1 / C), V after its softmax."""
    n, channels, height, width = data.shape
    taps = spatial_kernel.reshape(n, a.num_filter, a.kernel[0] * a.kernel[1], height, width)
    taps = _softmax(taps) if a.softmax else taps
    kernels = np.repeat(taps.reshape(n, a.num_filter, 1, *a.kernel, height, width), channels, axis=2)
    between = channel_kernel.reshape(n, a.num_filter, channels, height, width)
    kernels[:, :, :, a.centre[0], a.centre[1]] += between + (1 / channels if a.residual else 0)
    return kernels


def _scale(a) -> float:
    return 1 / (a.samples[0] * a.samples[1]) if a.fusion == "mean" else 1.0


def _float64(*arrays):
    return (np.asarray(array, np.float64) for array in arrays)


def dynamic_filter(data, channel_kernel, spatial_kernel, position_attention, sample_attention, **attributes):
    """out[v, p] = sum over samples s and taps t of A[s, p] P[t, p + s] sum over u of W[v, u, t, p] data[u, p + s + t].

    W[v, u, t, p] = spatial_kernel[v, t, p], and at the centre tap also channel_kernel[v, u, p] + 1 / C.

    Parameters
    ----------
    data : (N, C, H, W); 0 outside, as all that is read there
    channel_kernel : (N, C' C, H, W), channel v C + u
    spatial_kernel : (N, C' taps, H, W), channel v taps + t, taps row by row
    position_attention P : (N, taps, H, W)
    sample_attention A : (N, samples, H, W), row by row
    num_filter : C'
    kernel, samples, sample_stride, dilate : pairs (y, x); by default 3x3 taps, 5x5 samples, 3 pixels from one another
    fusion : "sum" (default) or "mean" over the samples
    residual : whether 1 / C is added
    attention_at : where P is read: "sample" (default: p + s) or "output" (p)
    softmax : of spatial_kernel over the taps

    Returns
    -------
    (N, C', H, W) float64
    """
    a = DynamicFilterAttributes(**attributes)
    data, U, V, P, A = _float64(data, channel_kernel, spatial_kernel, position_attention, sample_attention)
    W = _kernels(a, data, U, V)
    out = np.zeros((data.shape[0], a.num_filter, *data.shape[2:]))
    for s, step in a.windows():
        at = P if a.attention_at == "output" else _moved(P, step)
        for t, j, i, tap in a.taps():
            read = _moved(data, (step[0] + tap[0], step[1] + tap[1]))
            out += (A[:, s] * at[:, t])[:, None] * np.einsum("nvuhw,nuhw->nvhw", W[:, :, :, j, i], read)
    return out * _scale(a)


def dynamic_filter_backward(
    out_grad, data, channel_kernel, spatial_kernel, position_attention, sample_attention, **attributes
):
    """The gradients [data, channel_kernel, ...] of sum(out_grad * dynamic_filter(...)); shapes as the inputs."""
    a = DynamicFilterAttributes(**attributes)
    out_grad, data, U, V, P, A = _float64(
        out_grad, data, channel_kernel, spatial_kernel, position_attention, sample_attention
    )
    W, head = _kernels(a, data, U, V), out_grad * _scale(a)
    data_grad, W_grad, P_grad, A_grad = (np.zeros(array.shape) for array in (data, W, P, A))
    for s, step in a.windows():
        at_output = a.attention_at == "output"
        at = P if at_output else _moved(P, step)
        at_grad = np.zeros(P.shape)
        for t, j, i, tap in a.taps():
            whole = step[0] + tap[0], step[1] + tap[1]
            read, factor, kernel = _moved(data, whole), A[:, s] * at[:, t], W[:, :, :, j, i]
            W_grad[:, :, :, j, i] += np.einsum("nvhw,nuhw->nvuhw", head, factor[:, None] * read)
            read_grad = np.einsum("nvhw,nvuhw->nuhw", head, kernel)
            data_grad += _moved(factor[:, None] * read_grad, (-whole[0], -whole[1]))
            factor_grad = (read_grad * read).sum(axis=1)
            A_grad[:, s] += factor_grad * at[:, t]
            at_grad[:, t] += factor_grad * A[:, s]
        P_grad += at_grad if at_output else _moved(at_grad, (-step[0], -step[1]))
    U_grad = W_grad[:, :, :, a.centre[0], a.centre[1]].reshape(U.shape)
    V_grad = W_grad.sum(axis=2).reshape(data.shape[0], a.num_filter, P.shape[1], *data.shape[2:])
    if a.softmax:
        taps = _softmax(V.reshape(V_grad.shape))
        V_grad = taps * (V_grad - (taps * V_grad).sum(axis=2, keepdims=True))
    return [data_grad, U_grad, V_grad.reshape(V.shape), P_grad, A_grad]


REFERENCES = {"DynamicFilter": Reference(DynamicFilterAttributes, dynamic_filter, dynamic_filter_backward)}
