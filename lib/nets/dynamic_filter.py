# SPDX-License-Identifier: Apache-2.0
"""The LS-DFN block as a Symbol: features, and from the same input a kernel and attentions for every position."""

from __future__ import annotations

import mxnet as mx

from lib.config.dynamic_filter import LSDFN, PAPER, DynamicFilterBlock
from lib.nets import operators


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
        filtered = mx.sym.Activation(filtered, name="post_relu", act_type="relu")
    return mx.sym.concat(top, filtered, dim=1, name=f"{name}_beside")


def _layer(data, name, layer):
    out = mx.sym.Convolution(
        data,
        name=name,
        num_filter=layer.channels,
        kernel=(layer.kernel,) * 2,
        dilate=(layer.dilate,) * 2,
        pad=(layer.pad,) * 2,
    )
    return mx.sym.Activation(out, name=f"{name}_relu", act_type="relu") if layer.relu else out
