# SPDX-License-Identifier: Apache-2.0
"""A configuration at which an operator is tested. A room lists its own in cases.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Case:
    """One operator at given sizes.

    operator : its public name
    name : what is particular here; unique among the operator's cases
    data : shape (N, C, H, W) of the first input; the contract gives all others
    attributes : as the operator takes them; the harness adds every boundary in turn
    busy : enough tiles, channel blocks, offset sets and images to divide among threads and to overflow a workspace of
        1 MiB; the scheduling tests run these
    no_derivative : inputs whose gradient is defined to be something else than the derivative (normalized, fixed, ...)
    """

    operator: str
    name: str
    data: tuple
    attributes: dict = field(default_factory=dict, hash=False)
    busy: bool = False
    no_derivative: tuple = ()

    def at(self, boundary: str) -> Case:
        return replace(self, attributes={**self.attributes, "boundary": boundary})

    def __str__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.operator} [{self.name}] data {self.data} {settings}"
