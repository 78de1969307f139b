# SPDX-License-Identifier: Apache-2.0
"""What the heads have in common: layers, and the losses of classes and of boxes."""

from __future__ import annotations

import mxnet as mx

IGNORED = -1


def conv(x: mx.sym.Symbol, name: str, num_filter: int, kernel: int = 1) -> mx.sym.Symbol:
    """With bias; keeps the size."""
    size, pad = (kernel, kernel), (kernel // 2, kernel // 2)
    return mx.sym.Convolution(x, name=name, num_filter=num_filter, kernel=size, pad=pad)


def relu(x: mx.sym.Symbol, name: str) -> mx.sym.Symbol:
    return mx.sym.Activation(x, name=name, act_type="relu")


def class_loss(scores: mx.sym.Symbol, label: mx.sym.Symbol, name: str, multi_output: bool = False) -> mx.sym.Symbol:
    """Probabilities whose gradient is that of the cross entropy, a mean over the entries whose label is not -1."""
    return mx.sym.SoftmaxOutput(
        scores,
        label,
        name=name,
        multi_output=multi_output,
        normalization="valid",
        use_ignore=True,
        ignore_label=IGNORED,
    )


def box_loss(deltas, target, weight, name: str, scalar: float, count: int) -> mx.sym.Symbol:
    """weight * smooth_l1(deltas - target), whose gradient is divided by `count`; 0: by the number of rows."""
    loss = weight * mx.sym.smooth_l1(deltas - target, scalar=scalar, name=f"{name}_")
    if count:
        return mx.sym.MakeLoss(loss, name=name, grad_scale=1.0 / count)
    return mx.sym.MakeLoss(loss, name=name, normalization="batch")
