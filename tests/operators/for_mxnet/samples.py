# SPDX-License-Identifier: Apache-2.0
"""One small, lopsided example of every operator, and its results by the compiled kernels without MXNet."""

from __future__ import annotations

from dataclasses import dataclass

import mxnet as mx
import numpy as np

from operators.for_mxnet import nd, sym
from operators.for_numpy import Operator

CONV = {"kernel": (3, 2), "stride": (2, 1), "dilate": (1, 2), "pad": (1, 2), "num_filter": 6}
ATTRIBUTES = {
    "Shift": {"boundary": "border"},
    "ActiveConvolution": {**CONV, "num_group": 2, "num_offset_group": 3, "num_deformable_group": 2},
    "DeformableConvolution": {**CONV, "num_group": 2, "num_deformable_group": 2},
    "ModulatedDeformableConvolution": {**CONV, "num_deformable_group": 2},
}


@dataclass
class Sample:
    operator: str
    attributes: dict
    arrays: dict  # input name -> float64 NumPy array, in order
    out_grad: np.ndarray

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


def sample(operator: str, data_shape: tuple = (2, 4, 7, 6), **attributes) -> Sample:
    attributes = {**ATTRIBUTES[operator], **attributes}
    kernel, random = Operator(operator, **attributes), np.random.RandomState(5)
    shapes, out_shape = kernel.shapes(data_shape)
    arrays = {name: random.uniform(-2, 2, shape) for name, shape in zip(kernel.inputs, shapes)}
    return Sample(operator, attributes, arrays, random.randn(*out_shape))
