# SPDX-License-Identifier: Apache-2.0
"""The LS-DFN block as a torch module: features, and from the same input a kernel and attentions for every position."""

from __future__ import annotations

from torch import nn

from lib.config.dynamic_filter import PAPER, DynamicFilterBlock
from lib.modules.operators import dynamic_filter2d


class DynamicFilter(nn.Module):
    """(N, block.num_filter, H, W) of (N, in_channels, H, W). A child module for every layer of `block`, by its name."""

    def __init__(self, in_channels: int, block: DynamicFilterBlock = PAPER):
        super().__init__()
        self.block = block
        channels = {"": in_channels, **{layer.name: layer.channels for layer in block.layers()}}
        for layer in block.layers():
            self.add_module(
                layer.name,
                nn.Conv2d(
                    channels[layer.reads], layer.channels, layer.kernel, padding=layer.pad, dilation=layer.dilate
                ),
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.block.layers():
            convolution = self.get_submodule(layer.name)
            assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None  # __init__ has made it so
            nn.init.normal_(convolution.weight, std=layer.std)
            nn.init.zeros_(convolution.bias)

    def forward(self, data):
        block, made = self.block, {"": data}
        for layer in block.layers():
            out = self.get_submodule(layer.name)(made[layer.reads])
            made[layer.name] = out.relu() if layer.relu else out
        return dynamic_filter2d(
            made["feature"],
            made["channel"],
            made["spatial"],
            made["position"] + 1,
            made["sample"] + 1,
            kernel_size=block.kernel,
            samples=block.samples,
            sample_stride=block.sample_stride,
            fusion=block.fusion,
            residual=block.residual,
            attention_at=block.attention_at,
        )
