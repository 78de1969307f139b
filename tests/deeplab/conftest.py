# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from deeplab.schema import Config

TINY = {"depth": 18, "width": 4, "output_stride": 8, "head_channels": 8, "res5_dilate": 1}


@pytest.fixture
def config_of():
    """config_of(symbol, **net) -> a Config of that network, 19 classes, everything else at its default."""

    def make(symbol="resnet_v1_101_deeplab", **net):
        cfg = Config(symbol=symbol)
        for key, value in net.items():
            assert hasattr(cfg.net, key), f"cfg.net has no {key}"
            setattr(cfg.net, key, value)
        return cfg

    return make


@pytest.fixture
def tiny_config_of(config_of):
    """The same for a network of 18 layers and 4 filters at its thinnest, all of it trained."""

    def make(symbol="resnet_v1_101_deeplab", **net):
        cfg = config_of(symbol, **{**TINY, **net})
        cfg.network.FIXED_PARAMS = []
        return cfg

    return make
