# SPDX-License-Identifier: Apache-2.0
"""What the convolutions have in common, in NumPy, float64.

    out[n, k, p] = bias[k] + sum over channels c of k's group and taps t of
                   weight[k, c, t] * mask[n, s, t, p] * data[n, c] at the point (y, x)[n, s, t, p]

p numbers the output positions and t the taps of the kernel, both row-major. s is the pair of offset sets that applies:
one set per equal share of the filters, one per equal share of the channels. A room says where the points are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.core.reference_bilinear import sampling, scatter


@dataclass(frozen=True)
class ConvAttributes:
    """Pairs are (y, x). Defaults are those of MXNet's convolutions."""

    kernel: tuple
    num_filter: int
    stride: tuple = (1, 1)
    dilate: tuple = (1, 1)
    pad: tuple = (0, 0)
    num_group: int = 1
    num_deformable_group: int = 1
    no_bias: bool = False
    boundary: str = "zero"

    @property
    def filter_sets(self) -> int:
        """Offset sets over the filters; a room whose operator has several says so."""
        return 1

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def out_size(self, height: int, width: int) -> tuple:
        def size(n, axis):
            return (n + 2 * self.pad[axis] - self.dilate[axis] * (self.kernel[axis] - 1) - 1) // self.stride[axis] + 1

        return size(height, 0), size(width, 1)

    def grid(self, height: int, width: int):
        """Where the plain dilated convolution looks: y, x of shape (taps, positions), in pixels."""
        i, j = np.mgrid[: self.kernel[0], : self.kernel[1]].reshape(2, -1, 1)
        h, w = np.mgrid[tuple(slice(n) for n in self.out_size(height, width))].reshape(2, 1, -1)
        y = h * self.stride[0] - self.pad[0] + i * self.dilate[0]
        x = w * self.stride[1] - self.pad[1] + j * self.dilate[1]
        return y, x


@dataclass
class Points:
    """Sampling points: (N, offset sets over filters, over channels, taps, positions). mask: the same, or None for 1."""

    y: np.ndarray
    x: np.ndarray
    mask: np.ndarray | None = None

    def mask_of(self, *index):
        return np.ones(self.y[index].shape) if self.mask is None else self.mask[index]


def _pieces(a: ConvAttributes, channels: int):
    """Every combination of filters and channels that share a weight group and both offset sets.

    Yields filters, channels, the channels' places inside their weight group, and the two set numbers.
    """
    k, c = np.arange(a.num_filter), np.arange(channels)
    group_of_k, group_of_c = k * a.num_group // a.num_filter, c * a.num_group // channels
    set_of_k, set_of_c = k * a.filter_sets // a.num_filter, c * a.num_deformable_group // channels
    for group in range(a.num_group):
        for filter_set in range(a.filter_sets):
            for channel_set in range(a.num_deformable_group):
                filters = k[(group_of_k == group) & (set_of_k == filter_set)]
                inputs = c[(group_of_c == group) & (set_of_c == channel_set)]
                if len(filters) and len(inputs):
                    yield filters, inputs, inputs % (channels // a.num_group), filter_set, channel_set


def _matrices(a, points, index, height, width):
    return sampling(points.y[index].ravel(), points.x[index].ravel(), height, width, a.boundary)


def conv_forward(a: ConvAttributes, points: Points, data, weight, bias=None):
    """data (N, C, H, W), weight (K, C / num_group, kh, kw), bias (K,) or None -> (N, K, H', W')."""
    if (bias is None) != a.no_bias:
        raise ValueError(f"no_bias={a.no_bias}, but bias is {'missing' if bias is None else 'given'}")
    N, C, H, W = data.shape
    weight = weight.reshape(a.num_filter, -1, a.taps)
    out = np.zeros((N, a.num_filter, points.y.shape[-1]))
    for n in range(N):
        for filters, channels, local, *sets in _pieces(a, C):
            index = (n, *sets)
            S, _, _ = _matrices(a, points, index, H, W)
            column = (S @ data[n, channels].reshape(-1, H * W).T).reshape(a.taps, -1, len(channels))
            column *= points.mask_of(*index)[..., None]
            out[n, filters] += np.einsum("kct,tpc->kp", weight[filters][:, local], column)
    if bias is not None:
        out += bias[:, None]
    return out.reshape(N, a.num_filter, *a.out_size(H, W))


@dataclass
class ConvGradients:
    data: np.ndarray  # (N, C, H, W)
    weight: np.ndarray  # (K, C / num_group, kh, kw)
    bias: np.ndarray  # (K,)
    y: np.ndarray  # of every sampling point, as Points
    x: np.ndarray
    mask: np.ndarray


def conv_backward(a: ConvAttributes, points: Points, out_grad, data, weight) -> ConvGradients:
    """The gradients of sum(out_grad * conv_forward(...)), those of the sampling points one by one."""
    N, C, H, W = data.shape
    shape, weight = weight.shape, weight.reshape(a.num_filter, -1, a.taps)
    out_grad = out_grad.reshape(N, a.num_filter, points.y.shape[-1])
    g = ConvGradients(
        np.zeros(data.shape), np.zeros(weight.shape), out_grad.sum((0, 2)), *(np.zeros(points.y.shape) for _ in "yxm")
    )
    for n in range(N):
        for filters, channels, local, *sets in _pieces(a, C):
            index = (n, *sets)
            mask = points.mask_of(*index)
            maps = data[n, channels].reshape(-1, H * W).T
            S, S_y, S_x = _matrices(a, points, index, H, W)
            samples, slopes_y, slopes_x = ((M @ maps).reshape(a.taps, -1, len(channels)) for M in (S, S_y, S_x))
            # d loss / d (mask * sample), for every tap, position and channel
            column_grad = np.einsum("kp,kct->tpc", out_grad[n, filters], weight[filters][:, local])
            g.mask[index] += (column_grad * samples).sum(-1)
            g.y[index] += mask * (column_grad * slopes_y).sum(-1)
            g.x[index] += mask * (column_grad * slopes_x).sum(-1)
            scattered = scatter(S, (mask[..., None] * column_grad).reshape(-1, len(channels)))
            g.data[n, channels] += scattered.T.reshape(-1, H, W)
            column = mask[..., None] * samples
            g.weight[np.ix_(filters, local)] += np.einsum("kp,tpc->kct", out_grad[n, filters], column)
    g.weight = g.weight.reshape(shape)
    return g
