# SPDX-License-Identifier: Apache-2.0
"""The state of an optimiser as plain arrays by name, the same from every engine.

sgd     NAME: the momentum of the parameter NAME
adam    NAME.mean, NAME.variance: running means of its gradient and of its square; NAME.updates: how many it has had
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

ADAM = ("mean", "variance", "updates")


def kind_of(state: Mapping[str, np.ndarray]) -> str:
    """The optimiser that left a state: sgd or adam, '' for an empty one."""
    if not state:
        return ""
    return "adam" if all(name.endswith(tuple(f".{part}" for part in ADAM)) for name in state) else "sgd"


def adam_state(state: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """{parameter: (mean, variance, updates)}. Raises ValueError for a parameter that lacks one of them."""
    names = dict.fromkeys(name.rpartition(".")[0] for name in state)
    for name in names:
        missing = [part for part in ADAM if f"{name}.{part}" not in state]
        if missing:
            raise ValueError(f"{name}: adam's state has no {', '.join(missing)}")
    return {name: (state[f"{name}.mean"], state[f"{name}.variance"], int(state[f"{name}.updates"])) for name in names}


def as_arrays(state: Mapping[str, tuple[np.ndarray, np.ndarray, int]]) -> dict[str, np.ndarray]:
    """The inverse of `adam_state`."""
    return {f"{name}.{part}": np.asarray(value) for name, each in state.items() for part, value in zip(ADAM, each)}
