# SPDX-License-Identifier: Apache-2.0
"""MXNet's SGD on torch parameters. (torch.optim.SGD keeps its momentum without the learning rate: after a change of the
rate it takes other steps.)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from lib.run.rules import Rule


class SGD:
    """v = momentum * v - rate * lr_mult * (gradient + wd * wd_mult * w); w = w + v. Without momentum v is not kept.

    parameters: by name. Those without a gradient are left alone, their momentum too. The numbers are rounded to
    float32, as MXNet's operators take them, whatever the parameters are.
    """

    def __init__(self, parameters: Mapping[str, torch.Tensor], rules: Mapping[str, Rule], momentum: float, wd: float):
        self._parameters, self._momentum = parameters, _single(momentum)
        self._lr = {name: rules[name].lr_mult for name in parameters}
        self._wd = {name: wd * rules[name].wd_mult for name in parameters}
        self.velocity: dict[str, torch.Tensor] = {}

    def slow(self, names: Iterable[str], factor: float) -> None:
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
            lr, wd = _single(rate * lr), _single(wd)
            if not self._momentum:
                if wd:
                    torch._foreach_add_(gradients, weights, alpha=wd)
                torch._foreach_add_(weights, gradients, alpha=-lr)
                continue
            velocity = [self._of(name) for name in names]
            torch._foreach_mul_(velocity, self._momentum)
            if wd:
                torch._foreach_add_(velocity, weights, alpha=-lr * wd)
            torch._foreach_add_(velocity, gradients, alpha=-lr)
            torch._foreach_add_(weights, velocity)

    def _of(self, name: str) -> torch.Tensor:
        if name not in self.velocity:
            self.velocity[name] = torch.zeros_like(self._parameters[name])
        return self.velocity[name]

    def _alike(self) -> dict[tuple[float, float], list[str]]:
        """Parameters with a gradient, by their multiplier and decay, so that each kind is one call."""
        groups: dict[tuple[float, float], list[str]] = {}
        for name, parameter in self._parameters.items():
            if parameter.grad is not None:
                groups.setdefault((self._lr[name], self._wd[name]), []).append(name)
        return groups


def _single(number: float) -> float:
    return float(np.float32(number))
