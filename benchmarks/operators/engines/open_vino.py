# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import openvino
from openvino import opset8

from benchmarks.operators.arrays import draw_all
from benchmarks.operators.engines import Prepared
from benchmarks.operators.engines.peer import Peer


class OpenVino(Peer):
    boundaries = ("zero", "inside")
    dtypes = ("float32",)

    def __init__(self, threads: int):
        self.core = openvino.Core()
        # Left alone it would compute in bfloat16 on machines that have it.
        self.core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})

    def versions(self) -> dict:
        return {"openvino": openvino.__version__}

    def refuses(self, case) -> str:
        return super().refuses(case) or ("its operator has no bias" if "bias" in case.inputs else "")

    def prepare(self, case) -> Prepared:
        arrays, kept = draw_all(case, case.inputs), {}
        weight = opset8.constant(arrays.pop("weight"))
        inputs = {name: opset8.parameter(values.shape, np.float32, name=name) for name, values in arrays.items()}
        node = opset8.deformable_convolution(
            inputs["data"],
            inputs["offset"],
            weight,
            strides=case.pair("stride", 1),
            pads_begin=case.pair("pad", 0),
            pads_end=case.pair("pad", 0),
            dilations=case.pair("dilate", 1),
            mask=inputs.get("mask"),
            group=case.attributes.get("num_group", 1),
            deformable_group=case.attributes.get("num_deformable_group", 1),
            bilinear_interpolation_pad=self.boundary(case) == "zero",
        )
        compiled = self.core.compile_model(openvino.Model([node], list(inputs.values()), "deformable"), "CPU")
        request = compiled.create_infer_request()
        feed = dict(enumerate(arrays.values()))

        def run():
            kept["out"] = request.infer(feed, share_inputs=True, share_outputs=True)[0]

        return Prepared(run, lambda: {"output": kept["out"]})
