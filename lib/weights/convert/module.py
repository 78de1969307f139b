# SPDX-License-Identifier: Apache-2.0
"""A state dict for a network that is a torch module: its own names, behind that of the part that it is."""

from __future__ import annotations

import numpy as np

from lib.weights.convert.sources import ConvertError, Source, as_float32

STATISTICS = ("running_mean", "running_var")


def as_module(source: Source, part: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[str]]:
    """(arguments, states, names that are not used), float32.

    part: 'backbone.' for a classifier, whose `fc` and counters are left out; '' for a whole network.
    Raises ConvertError for a file of another framework, or one that has no part of that kind.
    """
    if source.framework != "torch":
        raise ConvertError(f"{source.path}: --module takes PyTorch's state dicts, this is {source.framework}'s")
    unused = sorted(name for name in source.arrays if name.endswith("num_batches_tracked") or name.startswith("fc."))
    kept = {f"{part}{name}": value for name, value in source.arrays.items() if name not in unused}
    if not kept or any(value.ndim == 0 for value in kept.values()):
        raise ConvertError(f"{source.path}: expected arrays by the names of a module, got {', '.join(kept) or 'none'}")
    kept = {name: as_float32(source, name, value) for name, value in kept.items()}
    aux = {name: value for name, value in kept.items() if name.endswith(STATISTICS)}
    return {name: value for name, value in kept.items() if name not in aux}, aux, unused
