# SPDX-License-Identifier: Apache-2.0
"""Initial values of parameters, made from the run's seed and the parameter's name alone.

Two networks that share a name share the value (the plain and the deformable run of a comparison start from the same
backbone and head), whatever other parameters they have and in whatever order they are created.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import numpy as np

_WITH_NUMBER = re.compile(r"(normal|msra)\(([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\)")
OWN = "own"  # of a torch module: what it begins with by itself


def initial_value(kind: str, name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A float32 array of `shape`; `kind` is one of

    zeros, ones, half; normal: N(0, 0.01); normal(S), such as normal(1e-4): N(0, S); msra: N(0, sqrt(2 / fan_in)) with
    fan_in = the product of all axes but the first (He et al. 2015, for ReLU networks); msra(A), such as msra(0.1):
    divided by sqrt(1 + A^2), for leaky ReLUs of slope A; msra_out: as msra of fan_out, the product of all axes but the
    second; xavier: uniform within sqrt(12 / (fan_in + fan_out)), that of Glorot and Bengio 2010 times sqrt(2), as
    PyTorch's with the gain of a ReLU; uniform: within sqrt(1 / fan_in), as PyTorch's layers begin by themselves;
    bilinear: the interpolation kernel of a Deconvolution (C, 1, k, k).
    """
    if said := unfit(kind):
        raise ValueError(f"parameter {name!r}: {said}")
    told = _WITH_NUMBER.fullmatch(kind)
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = _KINDS[told[1] if told else kind](tuple(shape), random, *([float(told[2])] if told else []))
    return np.ascontiguousarray(values, dtype=np.float32)


def unfit(kind: str) -> str:
    """What is wrong with the name of an initial value; '' for one of those above."""
    told = _WITH_NUMBER.fullmatch(kind)
    if told and not 0 <= float(told[2]) < np.inf:
        return f"expected a finite number from 0 on in {kind!r}, got {float(told[2])}"
    if told or kind in _KINDS:
        return ""
    return f"unknown initial value {kind!r}; known: {', '.join([*sorted(_KINDS), 'normal(S)', 'msra(A)'])}"


def _zeros(shape, random):
    return np.zeros(shape)


def _ones(shape, random):
    return np.ones(shape)


def _half(shape, random):
    return np.full(shape, 0.5)


def _normal(shape, random, std=0.01):
    return std * random.standard_normal(shape, dtype=np.float32)


def _msra(shape, random, slope=0.0):
    return np.float32(np.sqrt(2.0 / (1 + slope**2) / np.prod(shape[1:]))) * random.standard_normal(
        shape, dtype=np.float32
    )


def _msra_out(shape, random):
    return np.float32(np.sqrt(2.0 / (shape[0] * np.prod(shape[2:])))) * random.standard_normal(shape, dtype=np.float32)


def _xavier(shape, random):
    bound = np.sqrt(12.0 / (np.prod(shape[2:]) * (shape[0] + shape[1])))
    return random.uniform(-bound, bound, shape)


def _uniform(shape, random):
    bound = np.sqrt(1.0 / np.prod(shape[1:]))
    return random.uniform(-bound, bound, shape)


def _bilinear(shape, random):
    factor = (shape[-1] + 1) // 2
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    tent = 1 - np.abs(np.arange(shape[-1]) / factor - centre)
    return np.broadcast_to(tent[:, None] * tent, shape)


_KINDS: dict[str, Callable[..., np.ndarray]] = {
    "zeros": _zeros, "ones": _ones, "half": _half, "normal": _normal, "msra": _msra, "xavier": _xavier,
    "msra_out": _msra_out, "uniform": _uniform, "bilinear": _bilinear,
}  # fmt: skip
