# SPDX-License-Identifier: Apache-2.0
"""A configuration at which an operator is tested. A room lists its own in cases.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Case:
    """One operator at given sizes.

    operator : its public name
    name : what is particular here; unique among the operator's cases
    data : shape (N, C, H, W) of the first input; the contract gives all others, but those in `given`
    given : input -> its shape, where it does not follow from data
    attributes : as the operator takes them; the harness adds every boundary in turn, where there is one
    busy : enough tiles, channel blocks, offset sets and images to divide among threads and to overflow a workspace of
        1 MiB; the scheduling tests run these
    smooth : it is not linear in every single number between the lattice lines, but smooth: differences take small steps
    no_derivative : inputs whose gradient is defined to be something else than the derivative (normalized, fixed, ...)
    """

    operator: str
    name: str
    data: tuple
    attributes: dict = field(default_factory=dict, hash=False)
    busy: bool = False
    smooth: bool = False
    no_derivative: tuple = ()
    given: dict = field(default_factory=dict, hash=False)

    def at(self, boundary: str) -> Case:
        """With this boundary rule; itself for "", where the operator has no choice of one."""
        return replace(self, attributes={**self.attributes, "boundary": boundary}) if boundary else self

    def with_batch(self, batch: int) -> Case:
        """With so many images; without one, nothing can be of it either."""
        given = {name: (shape[0] if batch else 0, *shape[1:]) for name, shape in self.given.items()}
        return replace(self, data=(batch, *self.data[1:]), name=f"{self.name}, batch {batch}", given=given)

    def shapes(self, operator) -> tuple:
        """Input shapes and output shape, from the compiled operator of this case."""
        return operator.shapes(self.data, *(self.given.get(name) for name in operator.inputs[1:]))

    def __str__(self) -> str:
        settings = ", ".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.operator} [{self.name}] data {self.data} {settings}"
