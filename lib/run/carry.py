# SPDX-License-Identifier: Apache-2.0
"""Gradients that are carried from one update into the next, as buffers that are never zeroed do.

A fault that published numbers were made with, and nothing that a training wants: a rule says which parameters have it
(`lib.run.rules.Rule.carry`). Each device carries its own. It knows no framework: engines hand in what the backward pass
gave and take what the step is to use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Carry:
    """What becomes of a gradient g, when c is what its device carries, 0 at first: g + c is used and carried on.

    normalize: each (dy, dx) of g + c is first divided by its norm (0 stays 0) and multiplied by `rate`.
    """

    normalize: bool = False
    rate: float = 1.0

    def __call__(self, gradient: np.ndarray, carried: np.ndarray) -> np.ndarray:
        total = gradient + carried
        if not self.normalize:
            return total
        pairs = total.reshape(-1, 2).astype(np.float64)
        norm = np.hypot(pairs[:, :1], pairs[:, 1:])
        pairs *= self.rate / np.where(norm == 0, 1, norm)
        return pairs.astype(total.dtype).reshape(total.shape)


class Carried:
    """What each of `devices` devices carries of every parameter that has a rule for it, by name in `rules`."""

    def __init__(self, rules: Mapping[str, Carry], devices: int):
        self._rules, self._devices = dict(rules), devices
        self._held: dict[str, np.ndarray] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters whose gradients are carried."""
        return tuple(self._rules)

    def gradient(self, name: str, device: int, gradient: np.ndarray) -> np.ndarray:
        """What the step is to use of a parameter on a device, for what its backward pass gave; of the same shape."""
        if name not in self._held:
            self._held[name] = np.zeros((self._devices, *gradient.shape), gradient.dtype)
        used = self._rules[name](gradient, self._held[name][device])
        self._held[name][device] = used
        return used

    def state(self) -> dict[str, np.ndarray]:
        """Copies, (devices, ...) by name, of all that has had a gradient."""
        return {name: value.copy() for name, value in self._held.items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes what `state` gave; what it lacks begins with 0. Raises ValueError for another number of devices."""
        for name, value in state.items():
            if len(value) != self._devices:
                raise ValueError(f"{name}: gradients carried by {len(value)} devices, there are {self._devices} here")
        self._held = {name: value.copy() for name, value in state.items() if name in self._rules}
