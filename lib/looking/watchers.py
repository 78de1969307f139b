# SPDX-License-Identifier: Apache-2.0
"""What keeps offsets from running away in training, and what tells where they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from lib.looking.displacement import displacement_bound
from lib.looking.layers import LookingLayer, lengths, looking_layers, offset_parameters
from lib.looking.monitor import OffsetMonitor
from lib.run.carry import Carry
from lib.run.watcher import Seen, Watcher


class HoldOffsets(Watcher):
    """Keeps the offsets of active convolutions as they are, without gradient and momentum, for the first `epochs`."""

    def __init__(self, engine, epochs: int):
        self._engine, self._epochs = engine, epochs
        layers = [layer for layer in looking_layers(engine.network.graph) if layer.same_everywhere]
        self._names = list(dict.fromkeys(name for layer in layers for name in layer.parameters))

    def before_epoch(self, epoch: int) -> None:
        self._engine.hold(self._names, epoch < self._epochs)


class BoundOffsets(Watcher):
    """Puts every dy and dx of the offsets that are parameters back into [-bound, bound] pixels; NaN stays NaN."""

    def __init__(self, engine, bound: float):
        self._engine, self._bound = engine, bound
        self._names = offset_parameters(looking_layers(engine.network.graph))

    def after_update(self) -> str:
        self._engine.clip(self._names, self._bound)
        return ""


class WatchOffsets(Watcher):
    """Observes all layers after each epoch, logs what it sees, and tells when a displacement explodes.

    reaction: run.on_explosion; under 'warn' it says so and lets the run go on, else offsets that are parameters are
    also measured after every update. limit: pixels, run.offset_limit; 0 = the longer side of each layer's map, for no
    map can be looked at from farther away. batch: see `OffsetMonitor`. rollbacks: goes into the record.
    bound: (epochs) -> what no normalized offset can exceed after so many.
    """

    def __init__(self, engine, reaction: str, limit: float, batch: Callable, log, rollbacks: int = 0, bound=None):
        self._engine, self._reaction, self._log, self._rollbacks = engine, reaction, log, rollbacks
        self._monitor, self._bound = OffsetMonitor(engine, batch), bound
        self._limits = {name: limit or max(size) for name, size in self._monitor.sizes.items()}
        self._parameters = offset_parameters(looking_layers(engine.network.graph))

    def after_update(self) -> str:
        return "" if self._reaction == "warn" else self._exploded(self._monitor.longest())

    def after_epoch(self, epoch: int) -> Seen:
        seen = self._monitor.observe()
        for name, observation in seen.items():
            self._log.info("Epoch[%d] %s %s", epoch, name, observation)
        problem = self._exploded({name: math.inf if each.max is None else each.max for name, each in seen.items()})
        if problem and self._reaction == "warn":
            self._log.warning(
                "Epoch[%d] warning: %s; run.on_explosion=rollback would go back and slow them", epoch, problem
            )
            problem = ""
        line = {"offsets": self._lengths(), "displacement_bound": self._bound(epoch + 1) if self._bound else None}
        layers = {name: asdict(observation) for name, observation in seen.items()}
        events = [{"event": "offsets", "rollbacks": self._rollbacks, "layers": layers}] if layers else []
        return Seen(problem, line, events)

    def tell(self) -> str:
        largest = max((each["max"] for each in self._lengths().values()), default=None)
        return "no offset is a parameter" if largest is None else f"largest |offset| {largest:.3g} px"

    def _lengths(self) -> dict[str, dict[str, float]]:
        """Mean and largest displacement, in pixels of the layer's input, of each offset that is a parameter."""
        held, _ = self._engine.parameters(self._parameters)
        return {name: {"mean": float(each.mean()), "max": float(each.max())} for name, each in lengths(held).items()}

    def _exploded(self, longest: dict[str, float]) -> str:
        far = {name: length for name, length in longest.items() if not length <= self._limits[name]}
        told = [f"{name} looks {length:.4g} px away, limit {self._limits[name]:g}" for name, length in far.items()]
        return f"offsets exploded: {'; '.join(told)}" if told else ""


def bound_of(engine, cfg, rate: Callable[[int], float], updates: int) -> Callable[[int], float] | None:
    """(epochs) -> what no offset of an active convolution can exceed after so many, in pixels; None where nothing
    bounds them or there are none. cfg: reads TRAIN.{optimizer, momentum} and run.offset_warmup_epochs. updates: per
    epoch."""
    if cfg.TRAIN.optimizer != "sgd":
        return None  # the bound is one on sgd's steps
    network = engine.network
    layers = [_trained(layer, network.carries) for layer in looking_layers(network.graph) if layer.kind == "active"]
    bounded = all(layer.normalize_grad and layer.offset_parameter for layer in layers)
    if not layers or not bounded or cfg.TRAIN.momentum >= 1:
        return None
    lr_mult = max(network.rules[layer.offset_parameter].lr_mult for layer in layers)
    first = cfg.run.offset_warmup_epochs * updates + 1

    def bound(epochs: int) -> float:
        moving = range(first, epochs * updates + 1)
        return displacement_bound(layers, rate, moving, cfg.TRAIN.momentum, engine.place.replicas, lr_mult)

    return bound


def _trained(layer: LookingLayer, carries: Mapping[str, Carry]) -> LookingLayer:
    """The layer with what becomes of its offset's gradient, be it in the operator or in what carries it on."""
    carry = carries.get(layer.offset_parameter)
    return replace(layer, normalize_grad=True, offset_lr_rate=carry.rate) if carry and carry.normalize else layer
