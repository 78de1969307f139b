# SPDX-License-Identifier: Apache-2.0
"""What the training of a tracker does with each parameter."""

from __future__ import annotations

from collections.abc import Iterable

from lib.looking.layers import looking_layers, steering
from lib.run import rules
from lib.run.rules import Row, Rule
from tracking.network import network_text


def rules_of(cfg, names: Iterable[str]) -> dict[str, Rule]:
    """The Rule of every parameter and state of the network.

    cfg: reads net.init, net.kernel_init (of the two convolutions that make filters of a template), net.extra_init,
    net.offset_lr_mult and network.FIXED_PARAMS. Weights decay, biases and batch normalisations do not. Raises
    ValueError for a parameter that no row knows.
    """
    steers = steering(looking_layers(network_text(cfg)))
    return rules.rules(_table(cfg), names, steers, cfg.network.FIXED_PARAMS, __file__)


def _table(cfg) -> tuple[Row, ...]:
    net, ones = cfg.net, r".*\.(bn\d|downsample\.1)\.(weight|running_var)"
    return (
        Row(r".*", float(net.offset_lr_mult), "zeros", steers="deformable", wd_mult=0.0),
        Row(ones, 1.0, "ones", wd_mult=0.0),
        Row(r".*\.(bn\d|downsample\.1)\.(bias|running_mean)", 1.0, "zeros", wd_mult=0.0),
        Row(r"conv[12]\.weight", 1.0, net.kernel_init, wd_mult=1.0),
        Row(r".*\.extra\.weight", 1.0, net.extra_init, wd_mult=1.0),
        Row(r".*\.weight", 1.0, net.init, wd_mult=1.0),
        Row(r".*\.bias", 1.0, "zeros", wd_mult=0.0),
    )
