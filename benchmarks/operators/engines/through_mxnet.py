# SPDX-License-Identifier: Apache-2.0
"""The engines that run in MXNet, imperatively: its plain convolution, our operators, its own operators."""

from __future__ import annotations

import numpy as np

from benchmarks.operators.arrays import OUT_GRAD, draw_all
from benchmarks.operators.engines import Prepared

_CONVOLUTION = ("kernel", "num_filter", "stride", "dilate", "pad", "num_group", "no_bias")


class _ThroughMXNet:
    def __init__(self, threads: int):
        import mxnet  # OMP_NUM_THREADS is set: the driver put it into this process's environment

        self.mx = mxnet

    def versions(self) -> dict:
        return {"mxnet": self.mx.__version__, "numpy": np.__version__}

    def refuses(self, case) -> str:
        return ""

    def note(self, case) -> str:
        return ""

    def inputs(self, case) -> list:
        return list(case.inputs)

    def attributes(self, case) -> dict:
        return case.attributes

    def function(self, case):
        raise NotImplementedError

    def prepare(self, case) -> Prepared:
        mx = self.mx
        drawn = draw_all(case, self.inputs(case))
        arrays = {name: mx.nd.array(drawn.pop(name), dtype=case.dtype) for name in list(drawn)}
        out_grad = arrays.pop(OUT_GRAD, None)
        function, attributes, kept = self.function(case), self.attributes(case), {}
        mx.nd.waitall()

        def forward():
            kept.pop("out", None)
            kept["out"] = function(**arrays, **attributes)
            kept["out"].wait_to_read()

        def training():
            if not kept:
                for array in arrays.values():
                    array.attach_grad()
            kept.pop("out", None)
            with mx.autograd.record():
                out = function(**arrays, **attributes)
            out.backward(out_grad)
            mx.nd.waitall()
            kept["out"] = out

        def results():
            grads = {name: array.grad.asnumpy() for name, array in arrays.items() if case.training}
            return {"output": kept["out"].asnumpy(), **grads}

        return Prepared(training if case.training else forward, results)


class Plain(_ThroughMXNet):
    def refuses(self, case) -> str:
        return "" if {"data", "weight"} <= set(case.inputs) else f"{case.operator} has no plain convolution to compare"

    def note(self, case) -> str:
        return "" if case.dtype == "float32" else f"oneDNN has no {case.dtype}: MXNet's own im2col and BLAS"

    def inputs(self, case) -> list:
        return [name for name in ("data", "weight", "bias") if name in case.inputs]

    def attributes(self, case) -> dict:
        return {name: value for name, value in case.attributes.items() if name in _CONVOLUTION}

    def function(self, case):
        return self.mx.nd.Convolution


class Ours(_ThroughMXNet):
    def __init__(self, threads: int):
        super().__init__(threads)
        import operators
        from operators.for_mxnet import nd

        operators.set_num_threads(threads)
        self.nd = nd

    def function(self, case):
        return getattr(self.nd, case.operator)


class Stock(_ThroughMXNet):
    """MXNet 1.9.1's operators, which have one boundary each."""

    BOUNDARY = {"DeformableConvolution": "inside", "ModulatedDeformableConvolution": "zero"}

    def refuses(self, case) -> str:
        if not hasattr(self.mx.nd.contrib, case.operator):
            return f"MXNet {self.mx.__version__} has no {case.operator}"
        if case.operator == "ModulatedDeformableConvolution" and case.training:
            return "its backward is 'only implemented in GPU'"
        own = self.boundary(case)
        return f"has boundary {own!r} only" if case.boundary != own and not case.own_boundary else ""

    def note(self, case) -> str:
        own = self.boundary(case)
        return "" if case.boundary == own else f"boundary {own!r}"

    def boundary(self, case) -> str:
        return self.BOUNDARY.get(case.operator, case.boundary)

    def attributes(self, case) -> dict:
        return {name: value for name, value in case.attributes.items() if name != "boundary"}

    def function(self, case):
        return getattr(self.mx.nd.contrib, case.operator)
