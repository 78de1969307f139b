# SPDX-License-Identifier: Apache-2.0
"""The multi-scale end-point error."""

from __future__ import annotations

import mxnet as mx

from flow.levels import LEVELS, target

TINY = 1e-12
"""Added below the root, whose slope at 0 is infinite: an error of 0 then has the gradient 0, and one of 0.001 changes
by 5e-10."""


def end_point_errors(flows: dict[int, mx.sym.Symbol], net) -> mx.sym.Symbol:
    """The losses `loss2` to `loss6`, (1, 1, 1, 1) each: net.loss_weights times the error of a level.

    flows: by level, flow / 20. A level's error is the length of the difference of both flows, summed over the cells
    whose flow is known, a mean over the pictures. The target `flow2` (N, 3, h, w) holds the flow / 20, right and down,
    and 1 where it is known, else 0.
    """
    heads = []
    for level, weight in zip(LEVELS, net.loss_weights):
        truth = mx.sym.var(target(level))
        wanted = mx.sym.slice_axis(truth, axis=1, begin=0, end=2, name=f"wanted{level}")
        known = mx.sym.slice_axis(truth, axis=1, begin=2, end=3, name=f"known{level}")
        squares = mx.sym.sum(mx.sym.square(flows[level] - wanted), axis=1, keepdims=True)
        errors = mx.sym.sqrt(squares + TINY) * known
        mean = mx.sym.mean(mx.sym.sum(errors, axis=(1, 2, 3), keepdims=True), axis=0, keepdims=True)
        heads.append(mx.sym.MakeLoss(float(weight) * mean, name=f"loss{level}"))
    return mx.sym.Group(heads)
