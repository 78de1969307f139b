# SPDX-License-Identifier: Apache-2.0
"""One small, lopsided example of every operator, and its results by the compiled kernels without MXNet.

The operators are those of the library, their sizes and the way their inputs are drawn those of their rooms' cases; so a
new room is here without a word, and one without a fitting case fails.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass

import mxnet as mx
import numpy as np

from operators import library
from operators.checks.case import Case
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad
from operators.for_mxnet import nd, sym
from operators.for_mxnet.stock_names import STOCK
from operators.for_numpy import Operator

OPERATORS = tuple(library.descriptions())
OURS = tuple(name for name in OPERATORS if name not in STOCK)


@functools.cache
def cases_of(operator: str) -> tuple:
    """The cases of the operator's room that are its own, several images each."""
    room = importlib.import_module(f"operators.{library.descriptions()[operator].room}.cases")
    listed = [case for key in dir(room) if key.endswith("CASES") for case in getattr(room, key)]
    found = tuple(case for case in listed if case.operator == operator and case.data[0] > 1)
    assert found, f"{operator}: its room has no case of two images or more"
    return found


@functools.cache
def small_case(operator: str) -> Case:
    """The one with most inputs and, among these, most attributes."""

    def particular(case):
        return len(Operator(operator, **case.attributes).inputs), len(case.attributes)

    quiet = [case for case in cases_of(operator) if not case.busy]
    assert quiet, f"{operator}: all cases of its room are busy ones"
    return max(quiet, key=particular)


def wide_case(operator: str) -> Case:
    """The largest with 32 channels or more, which oneDNN has something to lay out of in its own way."""
    wide = [case for case in cases_of(operator) if case.data[1] >= 32]
    assert wide, f"{operator}: no case of its room has 32 channels or more"
    return max(wide, key=lambda case: np.prod(case.data))


@dataclass
class Sample:
    case: Case
    arrays: dict  # input name -> float64 NumPy array, in order
    out_grad: np.ndarray

    @property
    def operator(self) -> str:
        return self.case.operator

    @property
    def attributes(self) -> dict:
        return self.case.attributes

    @property
    def known(self) -> dict:
        """Input -> shape, of those that do not follow from others."""
        return {name: array.shape for name, array in self.arrays.items() if name in ("data", *self.case.given)}

    def kernel(self) -> Operator:
        return Operator(self.operator, **self.attributes)

    def output(self, **arrays):
        return self.kernel().forward(*{**self.arrays, **arrays}.values())

    def gradients(self, **arrays) -> dict:
        """Input name -> gradient, for `out_grad`."""
        return dict(zip(self.arrays, self.kernel().backward(self.out_grad, *{**self.arrays, **arrays}.values())))

    def ndarrays(self, dtype="float64") -> dict:
        return {name: mx.nd.array(array, dtype=dtype) for name, array in self.arrays.items()}

    def call(self, *inputs, name=None):
        """The operator on NDArrays or Symbols."""
        front = sym if isinstance(inputs[0], mx.sym.Symbol) else nd
        return getattr(front, self.operator)(*inputs, name=name, **self.attributes)

    def symbol(self, name="op"):
        """The operator with a variable per input, named as the input."""
        return self.call(*(mx.sym.var(i) for i in self.arrays), name=name)


def sample_of(case: Case, offsets=between_lines) -> Sample:
    return Sample(case, draw_inputs(case, offsets), draw_out_grad(case))


def sample(operator: str) -> Sample:
    return sample_of(small_case(operator))


class Layer(mx.gluon.HybridBlock):
    """The operator of a sample as a layer of all its inputs, `times` times and summed."""

    def __init__(self, one: Sample, times: int = 1):
        super().__init__()
        self._one, self._times = one, times

    def hybrid_forward(self, F, *inputs):
        return sum((self._one.call(*inputs) for _ in range(1, self._times)), self._one.call(*inputs))


CONV = {"kernel": (3, 2), "stride": (2, 1), "dilate": (1, 2), "pad": (1, 2), "num_filter": 6, "num_group": 2}


def convolution(operator: str, data: tuple = (2, 4, 7, 6), **attributes) -> Sample:
    """A convolution in which hardly two sizes are equal, for tests that speak of numbers."""
    return sample_of(Case(operator, "in numbers", data, {**CONV, "num_deformable_group": 2, **attributes}))
