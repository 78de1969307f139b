# SPDX-License-Identifier: Apache-2.0
"""The steps of lib.boxes as MXNet's Custom operators, and as functions on Symbols. Importing this registers them."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from lib.boxes.steps import STEPS


class _Run(mx.operator.CustomOp):
    def __init__(self, step):
        super().__init__()
        self._step = step

    def forward(self, is_train, req, in_data, out_data, aux):
        made = self._step(*(each.asnumpy() for each in in_data))
        for kind, place, value in zip(req, out_data, made):
            self.assign(place, kind, mx.nd.array(value, dtype=place.dtype, ctx=place.context))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        for kind, place in zip(req, in_grad):
            self.assign(place, kind, 0)


def _register(name: str, kind) -> None:
    @mx.operator.register(name)
    class _Step(mx.operator.CustomOpProp):
        def __init__(self, **attributes):
            super().__init__(need_top_grad=False)
            self._step = kind(attributes)

        def list_arguments(self):
            return list(self._step.inputs)

        def list_outputs(self):
            return list(self._step.outputs)

        def infer_shape(self, in_shape):
            return in_shape, self._step.shapes(*map(tuple, in_shape)), []

        def infer_type(self, in_type):
            return [in_type[0]] * len(in_type), [in_type[0]] * len(self._step.outputs), []

        def create_operator(self, ctx, shapes, dtypes):
            return _Run(self._step)

        def declare_backward_dependency(self, out_grad, in_data, out_data):
            return []


for _name, _kind in STEPS.items():
    _register(_name, _kind)


def step(op_type: str, name: str, inputs: dict[str, mx.sym.Symbol], **attributes) -> mx.sym.Symbol:
    """The node `name` of a step. No gradient passes it.

    Inputs are sliced as a whole first: MXNet 1.9.1 may hand a Custom operator what a convolution leaves in oneDNN's
    layout as a copy that is gone when it runs, and a whole slice is never in that layout.
    Raises ValueError for attributes that do not fit; MXNet, which would make the same step, dies of such an error.
    """
    guarded = {
        key: mx.sym.slice_axis(mx.sym.BlockGrad(value, name=f"{name}_{key}_stop"), axis=0, begin=0, end=None,
                               name=f"{name}_{key}_guard")
        for key, value in inputs.items()
    }  # fmt: skip
    texts = {key: str(tuple(map(float, value)) if isinstance(value, (list, tuple, np.ndarray)) else value)
             for key, value in attributes.items()}  # fmt: skip
    STEPS[op_type](texts)
    return mx.sym.Custom(name=name, op_type=op_type, **guarded, **texts)
