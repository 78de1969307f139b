# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.operators.arrays import draw_all
from benchmarks.operators.engines import Prepared
from benchmarks.operators.engines.peer import Peer

_OPSET, _IR = 19, 9  # the first with DeformConv, and the file format of its time, which every later runtime reads
_SLOTS = ("data", "weight", "offset", "bias", "mask")  # DeformConv's inputs X, W, offset, B, mask


class OnnxRuntime(Peer):
    def __init__(self, threads: int):
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        # Its threads would go on spinning while the other engines are measured.
        self.options.add_session_config_entry("session.force_spinning_stop", "1")

    def versions(self) -> dict:
        return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}

    def prepare(self, case) -> Prepared:
        arrays, kept = draw_all(case, case.inputs), {}
        model = _model(case, {name: arrays.pop(name) for name in ("weight", "bias") if name in arrays})
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"]
        )

        def run():
            kept["out"] = session.run(None, arrays)[0]

        return Prepared(run, lambda: {"output": kept["out"]})


def _model(case, constants: dict) -> onnx.ModelProto:
    kind = TensorProto.FLOAT if case.dtype == "float32" else TensorProto.DOUBLE
    pad = case.pair("pad", 0)
    node = helper.make_node(
        "DeformConv",
        [name if name in case.inputs else "" for name in _SLOTS],
        ["out"],
        kernel_shape=case.pair("kernel", 1),
        strides=case.pair("stride", 1),
        dilations=case.pair("dilate", 1),
        pads=(*pad, *pad),
        group=case.attributes.get("num_group", 1),
        offset_group=case.attributes.get("num_deformable_group", 1),
    )
    graph = helper.make_graph(
        [node],
        "deformable",
        [helper.make_tensor_value_info(n, kind, s) for n, s in case.inputs.items() if n not in constants],
        [helper.make_tensor_value_info("out", kind, case.output)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
