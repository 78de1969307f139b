# SPDX-License-Identifier: Apache-2.0
"""What the networks are made of."""

from __future__ import annotations

import mxnet as mx

from lib.nets.operators import ActiveConvolution, DeformableConvolution, ModulatedDeformableConvolution

TAPS = 9


def convolution(data: mx.sym.Symbol, name: str, num_filter: int, net, stride: int = 1) -> mx.sym.Symbol:
    """A 3x3 convolution without bias that may look elsewhere, as net.kind says; stride 1 keeps the size.

    deformable: the 3x3 convolution `<name>_offset`, with bias, gives (y, x) of every tap at every position.
    modulated: besides, `<name>_mask` gives a factor for each, mask_scale * sigmoid. active: the parameter
    `<name>_offset` (1, 1, 3, 3, 2) moves the taps, the same everywhere.
    net: cfg.net; reads kind, boundary, mask_scale, normalize_grad, offset_lr_rate, fixed_centre.
    """
    shape = geometry(num_filter, stride)
    if net.kind == "plain":
        return mx.sym.Convolution(data, name=name, no_bias=True, **shape)
    shape.update({"boundary": net.boundary} if net.boundary else {}, name=name, no_bias=True)
    if net.kind == "active":
        return ActiveConvolution(data=data, **learning(net), **shape)
    offset = mx.sym.Convolution(data, name=f"{name}_offset", **geometry(2 * TAPS, stride))
    if net.kind == "deformable":
        return DeformableConvolution(data=data, offset=offset, **shape)
    mask = mx.sym.sigmoid(mx.sym.Convolution(data, name=f"{name}_mask", **geometry(TAPS, stride)))
    return ModulatedDeformableConvolution(data=data, offset=offset, mask=net.mask_scale * mask, **shape)


def learning(net) -> dict:
    """How the offsets of a 3x3 active convolution learn."""
    fixed = {"fixed_taps": (TAPS // 2,)} if net.fixed_centre else {}
    return {"normalize_grad": net.normalize_grad, "offset_lr_rate": net.offset_lr_rate, **fixed}


def geometry(num_filter: int, stride: int = 1) -> dict:
    """A 3x3 kernel that keeps the size at stride 1."""
    return {"num_filter": num_filter, "kernel": (3, 3), "stride": (stride, stride), "pad": (1, 1)}


def normalised(x: mx.sym.Symbol, name: str, net) -> mx.sym.Symbol:
    return mx.sym.BatchNorm(x, name=name, fix_gamma=False, eps=net.bn_eps, use_global_stats=not net.train_bn)


def relu(x: mx.sym.Symbol, name: str) -> mx.sym.Symbol:
    return mx.sym.Activation(x, name=name, act_type="relu")


def mean_over_map(x: mx.sym.Symbol, name: str = "pool") -> mx.sym.Symbol:
    """(N, C, H, W) -> (N, C, 1, 1)."""
    return mx.sym.Pooling(x, name=name, global_pool=True, pool_type="avg", kernel=(1, 1))


def linear(x: mx.sym.Symbol, classes: int) -> mx.sym.Symbol:
    """The classifier `fc`, with bias."""
    return mx.sym.FullyConnected(x, name="fc", num_hidden=classes)
