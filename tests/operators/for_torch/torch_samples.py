# SPDX-License-Identifier: Apache-2.0
"""Small calls of every operator of the library in PyTorch, made of the cases of its room, off the kinks."""

from __future__ import annotations

import importlib
import math

import torch

from operators.checks import inputs as draw
from operators.for_torch import mxnet_names
from operators.library import descriptions

_MOST_NUMBERS = 400


def all_cases(operator: str) -> list:
    """The cases of an operator, from its room."""
    room = importlib.import_module(f"operators.{descriptions()[operator].room}.cases")
    lists = [getattr(room, key) for key in sorted(vars(room)) if key.endswith("CASES")]
    return [case for cases in lists for case in cases if case.operator == operator]


def _chosen(operator: str) -> list:
    """The first case, and the small one that says most about itself; those whose gradient is the derivative."""
    cases = [case for case in all_cases(operator) if set(case.no_derivative) <= {"rois"}]
    small = [case for case in cases[1:] if math.prod(case.data) <= _MOST_NUMBERS]
    return [cases[0], max(small, key=lambda case: len(case.attributes))]


SAMPLES = {f"{case.operator}, {case.name}": case for operator in descriptions() for case in _chosen(operator)}
NAMES = list(SAMPLES)
FIRST = [_chosen(operator)[0] for operator in descriptions()]
DEFORMABLE = "DeformableConvolution, 3x3"


def call(case, dtype=torch.float64, requires_grad: bool = True, offsets=draw.between_lines):
    """(function, tensors): function(*tensors) is the result. Of the inputs those are tensors that have gradients."""
    arrays = {name: torch.from_numpy(values) for name, values in draw.draw_inputs(case, offsets).items()}
    fixed = {name: arrays.pop(name) for name in case.no_derivative if name in arrays}
    names = list(arrays)

    def function(*tensors):
        others = {name: values.to(tensors[0]) for name, values in fixed.items()}
        return mxnet_names.call(case.operator, case.attributes, {**dict(zip(names, tensors)), **others})

    return function, tuple(values.to(dtype).requires_grad_(requires_grad) for values in arrays.values())


def sample(name: str, dtype=torch.float64, requires_grad: bool = True):
    return call(SAMPLES[name], dtype, requires_grad)
