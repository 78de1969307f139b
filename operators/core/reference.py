# SPDX-License-Identifier: Apache-2.0
"""How a room hands out its NumPy definition, so that tests and notebooks find all of them the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Reference:
    """One operator in NumPy, float64.

    attributes : a dataclass whose fields are the operator's attributes, with its defaults.
    forward : forward(*inputs, **attributes) -> output
    backward : backward(out_grad, *inputs, **attributes) -> list with one gradient per input
    """

    attributes: type
    forward: Callable
    backward: Callable
