# SPDX-License-Identifier: Apache-2.0
"""The LS-DFN block as a Symbol: features, and from the same input a kernel and attentions for every position."""

from __future__ import annotations

from collections.abc import Callable

import mxnet as mx

from lib.config.dynamic_filter import CONTROL, LSDFN, PAPER, DynamicFilterBlock
from lib.nets import operators

Activate = Callable[[mx.sym.Symbol, str], mx.sym.Symbol]
"""(data, name of the node) -> data behind a ReLU or its like."""


def dynamic_filter(data: mx.sym.Symbol, name: str, block: DynamicFilterBlock = PAPER) -> mx.sym.Symbol:
    """(N, block.num_filter, H, W) of data (N, any channels, H, W).

    Parameters are called `<name>_<layer>_weight` and `_bias`, by the layers of `block`; `block.initial(name)` says what
    they start with.
    """
    made = {"": data}
    for layer in block.layers():
        made[layer.name] = _layer(made[layer.reads], f"{name}_{layer.name}", layer)
    return operators.DynamicFilter(
        data=made["feature"],
        channel_kernel=made["channel"],
        spatial_kernel=made["spatial"],
        position_attention=made["position"] + 1,
        sample_attention=made["sample"] + 1,
        name=name,
        num_filter=block.num_filter,
        kernel=(block.kernel,) * 2,
        samples=(block.samples,) * 2,
        sample_stride=(block.sample_stride,) * 2,
        fusion=block.fusion,
        residual=block.residual,
        attention_at=block.attention_at,
    )


def beside(top: mx.sym.Symbol, below: mx.sym.Symbol, name: str, section: LSDFN) -> mx.sym.Symbol:
    """`top` and, concatenated to it, what the block makes of `below`, behind a 1x1 convolution `post` and a ReLU
    where the section has one."""
    filtered = dynamic_filter(below, name, section.block())
    if section.post:
        filtered = mx.sym.Convolution(filtered, name="post", kernel=(1, 1), num_filter=section.post)
        filtered = relu(filtered, "post_relu")
    return mx.sym.concat(top, filtered, dim=1, name=f"{name}_beside")


def control_beside(
    top: mx.sym.Symbol, below: mx.sym.Symbol, inputs: int, section: LSDFN, activate: Activate
) -> mx.sym.Symbol:
    """The control of `beside`: ordinary convolutions with as many parameters. inputs: channels of `below`."""
    made, channels = below, section.control_channels(inputs)
    for name in CONTROL:
        made = mx.sym.Convolution(made, name=name, num_filter=channels, kernel=(3, 3), dilate=(2, 2), pad=(2, 2))
        made = activate(made, f"{name}_relu")
    if section.post:
        made = mx.sym.Convolution(made, name="post", kernel=(1, 1), num_filter=section.post)
        made = activate(made, "post_relu")
    return mx.sym.concat(top, made, dim=1, name="control_beside")


def relu(data: mx.sym.Symbol, name: str) -> mx.sym.Symbol:
    return mx.sym.Activation(data, name=name, act_type="relu")


def _layer(data, name, layer):
    out = mx.sym.Convolution(
        data,
        name=name,
        num_filter=layer.channels,
        kernel=(layer.kernel,) * 2,
        dilate=(layer.dilate,) * 2,
        pad=(layer.pad,) * 2,
    )
    return relu(out, f"{name}_relu") if layer.relu else out
