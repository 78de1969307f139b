# SPDX-License-Identifier: Apache-2.0
"""MXNet's SGD and Adam on torch parameters. (torch.optim.SGD keeps its momentum without the learning rate: after a
change of the rate it takes other steps. torch.optim.Adam adds its epsilon elsewhere.)"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from lib.engines.engine import Settings
from lib.run.optimiser import ADAM
from lib.run.rules import Rule

EPSILON = 1e-8  # of Adam
Tensors = Mapping[str, torch.Tensor]


def optimiser_of(settings: Settings, parameters: Tensors, rules: Mapping[str, Rule]) -> Optimiser:
    return (Adam if settings.optimizer == "adam" else SGD)(settings, parameters, rules)


class Optimiser(ABC):
    """parameters: by name. Those without a gradient are left alone, their state too. The numbers are rounded to
    float32, as MXNet's operators take them, whatever the parameters are."""

    def __init__(self, settings: Settings, parameters: Tensors, rules: Mapping[str, Rule]):
        self._parameters, self._settings = parameters, settings
        self._lr = {name: rules[name].lr_mult for name in parameters}
        self._wd = {name: settings.wd * rules[name].wd_mult for name in parameters}

    def slow(self, names: Iterable[str], factor: float) -> None:
        """Multiplies the learning rate of these."""
        for name in set(names) & self._lr.keys():
            self._lr[name] *= factor

    @torch.no_grad()
    def step(self, rate: float, count: int = 1) -> None:
        """One update by the gradients there are, sums over `count` batches of which the mean is used."""
        for (lr, wd), names in self._alike().items():
            weights = [self._parameters[name] for name in names]
            gradients = [weight.grad for weight in weights if weight.grad is not None]  # all have one
            if count > 1:
                torch._foreach_mul_(gradients, _single(1 / count))
            self._step(names, weights, gradients, rate * lr, _single(wd))

    @abstractmethod
    def _step(self, names: list[str], weights: list, gradients: list, rate: float, wd: float) -> None:
        """The same for parameters of one rate and decay."""

    @abstractmethod
    def state(self) -> dict[str, torch.Tensor]:
        """By name, as `lib.run.optimiser` says."""

    @abstractmethod
    def load(self, state: Tensors) -> None:
        """Takes what `state` gave; the optimiser keeps the tensors."""

    def _alike(self) -> dict[tuple[float, float], list[str]]:
        """Parameters with a gradient, by their multiplier and decay, so that each kind is one call."""
        groups: dict[tuple[float, float], list[str]] = {}
        for name, parameter in self._parameters.items():
            if parameter.grad is not None:
                groups.setdefault((self._lr[name], self._wd[name]), []).append(name)
        return groups


class SGD(Optimiser):
    """v = momentum * v - rate * lr_mult * (gradient + wd * wd_mult * w); w = w + v. Without momentum v is not kept."""

    def __init__(self, settings: Settings, parameters: Tensors, rules: Mapping[str, Rule]):
        super().__init__(settings, parameters, rules)
        self._momentum, self._velocity = _single(settings.momentum), _Zeros(parameters)

    def _step(self, names, weights, gradients, rate, wd) -> None:
        lr = _single(rate)
        if not self._momentum:
            if wd:
                torch._foreach_add_(gradients, weights, alpha=wd)
            torch._foreach_add_(weights, gradients, alpha=-lr)
            return
        velocity = [self._velocity[name] for name in names]
        torch._foreach_mul_(velocity, self._momentum)
        if wd:
            torch._foreach_add_(velocity, weights, alpha=-lr * wd)
        torch._foreach_add_(velocity, gradients, alpha=-lr)
        torch._foreach_add_(weights, velocity)

    def state(self) -> dict[str, torch.Tensor]:
        return dict(self._velocity)

    def load(self, state: Tensors) -> None:
        self._velocity.update(state)


class Adam(Optimiser):
    """Kingma and Ba 2015 as MXNet has it: decay is part of the gradient, epsilon is added before the correction of the
    means for their beginning (`lib.engines.engine` has the formula). A parameter that was held counts its own updates.
    """

    def __init__(self, settings: Settings, parameters: Tensors, rules: Mapping[str, Rule]):
        super().__init__(settings, parameters, rules)
        self._mean, self._variance = _Zeros(parameters), _Zeros(parameters)
        self._updates: dict[str, int] = {}

    def _step(self, names, weights, gradients, rate, wd) -> None:
        mean, variance = ([held[name] for name in names] for held in (self._mean, self._variance))
        if wd:
            torch._foreach_add_(gradients, weights, alpha=wd)
        for means, values, beta in (
            (mean, gradients, self._settings.momentum),
            (variance, torch._foreach_mul(gradients, gradients), self._settings.momentum2),
        ):
            torch._foreach_mul_(means, _single(beta))
            torch._foreach_add_(means, values, alpha=float(np.float32(1) - np.float32(beta)))
        steps = torch._foreach_sqrt(variance)
        torch._foreach_add_(steps, _single(EPSILON))
        steps = torch._foreach_div(mean, steps)
        torch._foreach_mul_(steps, [-_single(rate * self._corrected(name)) for name in names])
        torch._foreach_add_(weights, steps)

    def _corrected(self, name: str) -> float:
        """What the rate is multiplied by in this update, which is counted."""
        count = self._updates[name] = self._updates.get(name, 0) + 1
        return math.sqrt(1 - self._settings.momentum2**count) / (1 - self._settings.momentum**count)

    def state(self) -> dict[str, torch.Tensor]:
        counts = {name: torch.tensor(float(count)) for name, count in self._updates.items()}
        parts = dict(zip(ADAM, (self._mean, self._variance, counts)))
        return {f"{name}.{part}": held[name] for part, held in parts.items() for name in self._updates}

    def load(self, state: Tensors) -> None:
        for full, value in state.items():
            name, _, part = full.rpartition(".")
            if part == "updates":
                self._updates[name] = int(value)
            else:
                (self._mean if part == "mean" else self._variance)[name] = value


class _Zeros(dict):
    """By name, tensors that begin as zeros, as the parameters are."""

    def __init__(self, parameters: Tensors):
        super().__init__()
        self._parameters = parameters

    def __missing__(self, name: str) -> torch.Tensor:
        return self.setdefault(name, torch.zeros_like(self._parameters[name]))


def _single(number: float) -> float:
    return float(np.float32(number))
