# SPDX-License-Identifier: Apache-2.0
"""Optical flow as the commands take it."""

from __future__ import annotations

from flow.schema import SCHEMA
from lib.config import ConfigError
from lib.run.program import tell
from lib.system import System


class Flow(System):
    """Where every pixel of one picture is in the next: FlowNetS, FlowNetC, with LS-DFN."""

    name, schema = "flow", SCHEMA

    def layers(self, cfg) -> list:
        """None: LS-DFN computes what its samples weigh, not where they lie."""
        return []

    def draw(self, cfg, predictor, image):
        raise ConfigError(f"flow is between two pictures: python -m flow.predict FIRST SECOND --run {cfg.run.name}")

    def prepare(self, cfg, log=tell) -> None:
        from flow.data import prepare

        if prepare(cfg):
            log(f"made flying shapes in {cfg.dataset.dataset_path}")


SYSTEM = Flow()
