# SPDX-License-Identifier: Apache-2.0
"""How far normalized gradients can move an offset: a bound that every run of an active network must keep.

One update moves a tap by v, v = momentum * v - rate * g. With normalized gradients g has at most the length
offset_lr_rate on each device, and the devices' gradients are summed. Each update's push, carried on by the momentum,
adds up to no more than rate * |g| / (1 - momentum), so

    |offset| <= devices * offset_lr_rate / (1 - momentum) * sum of the learning rates of the updates so far.

Offsets have no weight decay. For the report's 4 GPUs that is 1220 * offset_lr_rate pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lib.looking.layers import LookingLayer


def displacement_bound(
    layers: Iterable[LookingLayer],
    rate: Callable[[int], float],
    updates: Iterable[int],
    momentum: float,
    devices: int = 1,
    lr_mult: float = 1.0,
) -> float:
    """The longest displacement of a tap, in pixels of the layer's input, that these updates can reach.

    layers: active convolutions with normalize_grad; the largest of their offset_lr_rate counts. rate: of an update.
    updates: the numbers of those in which offsets move. devices: of all workers. lr_mult: of the offsets.
    Raises ValueError without normalize_grad, for then nothing bounds a gradient, and for momentum 1 or more.
    """
    layers = list(layers)
    if not layers or not all(layer.normalize_grad for layer in layers):
        raise ValueError("net.normalize_grad: false; only normalized gradients have a bounded displacement")
    if momentum >= 1:
        raise ValueError(f"TRAIN.momentum: expected less than 1, got {momentum}")
    step = devices * max(layer.offset_lr_rate for layer in layers) * lr_mult / (1 - momentum)
    return step * sum(map(rate, updates))
