# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

import operators
from benchmarks.operators.arrays import OUT_GRAD, draw_all
from benchmarks.operators.engines import Prepared
from operators.for_numpy import Operator


class NumPyFront:
    """The kernels alone; output and gradients are written into arrays that the first call makes."""

    def __init__(self, threads: int):
        operators.set_num_threads(threads)

    def versions(self) -> dict:
        return {"active-convnets": operators.__version__, "numpy": np.__version__}

    def refuses(self, case) -> str:
        return ""

    def note(self, case) -> str:
        return ""

    def prepare(self, case) -> Prepared:
        operator = Operator(case.operator, **case.attributes)
        arrays = draw_all(case, operator.inputs)
        inputs = [arrays[name] for name in operator.inputs]
        kept = {"out": None, "grads": None}

        def run():
            kept["out"] = operator.forward(*inputs, out=kept["out"])
            if case.training:
                kept["grads"] = operator.backward(arrays[OUT_GRAD], *inputs, grads=kept["grads"])

        def results():
            return {"output": kept["out"], **dict(zip(operator.inputs, kept["grads"] or ()))}

        return Prepared(run, results)
