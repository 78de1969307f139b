# SPDX-License-Identifier: Apache-2.0
"""The trackers as the commands take them."""

from __future__ import annotations

from lib.config import ConfigError
from lib.system import System
from tracking.schema import SCHEMA


class Tracking(System):
    """Where the thing is now that was marked in the first frame: Siamese RPN, on the PyTorch engine."""

    name, schema = "tracking", SCHEMA

    def test_graph(self, cfg) -> str:
        from tracking.network import network_text

        return network_text(cfg)

    def rules(self, cfg) -> dict:
        raise ConfigError("the parameters of a torch module are known to its engine alone: engine.network.rules")

    def draw(self, cfg, predictor, image):
        raise ConfigError("predict: a tracker must be told its target; `python -m tracking.run` follows one in a film")


SYSTEM = Tracking()
