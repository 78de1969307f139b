# SPDX-License-Identifier: Apache-2.0
"""One operator, several ways to compute it, all with one face:

    run(case, inputs, out_grad) -> output, gradients

inputs and gradients map input names to arrays, all of one dtype. The ways through MXNet stand in mxnet_backends.py.
"""

from __future__ import annotations

import importlib
from dataclasses import MISSING, fields

from operators import library
from operators.checks.case import Case
from operators.core.reference import Reference
from operators.for_numpy import Operator


def reference_of(operator: str) -> Reference:
    """The NumPy definition of an operator, from its room."""
    room = library.descriptions()[operator].room
    return importlib.import_module(f"operators.{room}.reference").REFERENCES[operator]


def reference(case: Case, inputs: dict, out_grad):
    """The definition, float64 whatever comes in."""
    functions = reference_of(case.operator)
    arrays = list(inputs.values())
    out = functions.forward(*arrays, **case.attributes)
    grads = functions.backward(out_grad, *arrays, **case.attributes)
    return out, dict(zip(inputs, grads))


def for_numpy(case: Case, inputs: dict, out_grad):
    """The compiled kernels on NumPy arrays."""
    operator = Operator(case.operator, **case.attributes)
    arrays = [inputs[name] for name in operator.inputs]
    out = operator.forward(*arrays)
    return out, dict(zip(operator.inputs, operator.backward(out_grad, *arrays)))


def reference_defaults(operator: str) -> dict:
    """Attribute name -> default of those that have one, as the reference states them."""
    return {f.name: f.default for f in fields(reference_of(operator).attributes) if f.default is not MISSING}
