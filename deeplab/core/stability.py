# SPDX-License-Identifier: Apache-2.0
"""Keeps offsets from running away: their bound, their slower rate, and what to do when they explode all the same."""

from __future__ import annotations

import math
from dataclasses import asdict

import mxnet as mx


class Stability:
    """What the training loop asks after each update and each epoch.

    cfg: reads net.offset_bound, run.on_explosion and run.offset_limit. network: see `deeplab.core.network`.
    monitor: an `OffsetMonitor` of it. log: a logging.Logger.
    """

    def __init__(self, cfg, network, monitor, log):
        self._bound, self._reaction = cfg.net.offset_bound, cfg.run.on_explosion
        self._network, self._monitor, self._log = network, monitor, log
        # No map can be looked at from farther away than its longer side.
        self._limits = {name: cfg.run.offset_limit or max(layer.size) for name, layer in monitor.layers.items()}

    def after_update(self) -> str:
        """Bounds the offsets that are parameters; says what exploded, '' if nothing has or a warning is enough."""
        if self._bound:
            bound_offsets(self._network, self._bound)
        if self._reaction == "warn":
            return ""
        return self._exploded(self._monitor.longest())

    def after_epoch(self, epoch: int) -> tuple[dict[str, dict], str]:
        """Observes and logs all layers; gives what was seen as plain data, and what exploded as `after_update` does."""
        seen = self._monitor.observe()
        for name, observation in seen.items():
            self._log.info("Epoch[%d] %s %s", epoch, name, observation)
        problem = self._exploded({name: math.inf if each.max is None else each.max for name, each in seen.items()})
        if problem and self._reaction == "warn":
            self._log.warning(
                "Epoch[%d] warning: %s; run.on_explosion=rollback would go back and slow them", epoch, problem
            )
            problem = ""
        return {name: asdict(observation) for name, observation in seen.items()}, problem

    def _exploded(self, lengths: dict[str, float]) -> str:
        far = {name: length for name, length in lengths.items() if not length <= self._limits[name]}
        told = [f"{name} looks {length:.4g} px away, limit {self._limits[name]:g}" for name, length in far.items()]
        return f"offsets exploded: {'; '.join(told)}" if told else ""


def bound_offsets(network, bound: float) -> None:
    """Puts every dy and dx of the active convolutions back into [-bound, bound] pixels; NaN stays NaN."""
    for name, parameter in network.params.items():
        if name.endswith("_offset"):
            for copy in parameter.list_data():
                mx.nd.clip(copy, -bound, bound, out=copy)


def slow_down(network, optimiser, factor: float, times: int, times_before: int) -> None:
    """Offsets (and masks, where one branch makes both) learn at factor**times of their rate.

    optimiser: the gluon.Trainer. times_before: what `times` was when its momentum was saved; the momentum shrinks as
    the rate has since, or it would go on pushing at the old one.
    """
    names = [name for name in network.params if name.endswith(("_offset", "_offset_weight", "_offset_bias"))]
    for name in names:
        network.params[name].lr_mult *= factor**times
    moving = {index for index, parameter in enumerate(optimiser._params) if parameter.name in names}
    for updater in optimiser._updaters:
        for index, momentum in updater.states.items():
            if index in moving and momentum is not None:
                momentum *= factor ** (times - times_before)
