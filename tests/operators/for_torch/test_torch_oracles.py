# SPDX-License-Identifier: Apache-2.0
"""deform_conv2d against other implementations: stock MXNet's modulated operator and ONNX Runtime's DeformConv, which
always run, and torchvision where it is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from operators.checks import agreement, torch_backends  # noqa: E402
from operators.checks.inputs import between_lines, draw_inputs, draw_out_grad, on_lines  # noqa: E402
from operators.checks.tolerance import assert_close  # noqa: E402
from operators.deform_conv.cases import CASES as ALL_CASES  # noqa: E402
from operators.deform_conv.cases import MODULATED_CASES as ALL_MODULATED  # noqa: E402
from operators.deform_conv.cases import has_one_filter_set  # noqa: E402
from operators.for_torch import deform_conv2d, mxnet_names  # noqa: E402

CASES, MODULATED_CASES = (list(filter(has_one_filter_set, cases)) for cases in (ALL_CASES, ALL_MODULATED))
each = pytest.mark.parametrize("case", [*CASES, *MODULATED_CASES], ids=lambda case: f"{case.operator}, {case.name}")


def drawn(case, dtype):
    """A case under the rule that all have in common, its inputs and our output."""
    case = case.at("zero")
    inputs = agreement.cast(draw_inputs(case), dtype)
    tensors = {name: torch.from_numpy(values) for name, values in inputs.items()}
    return case, inputs, torch_backends.array(mxnet_names.call(case.operator, case.attributes, tensors))


@pytest.mark.parametrize("case", MODULATED_CASES, ids=lambda case: case.name)
def test_stock_mxnet(case):
    case, inputs, got = drawn(case, "float32")
    assert_close(got, agreement.mxnet_backends().stock_forward(case, inputs), f"{case}: output")


@each
def test_onnx_runtime(case):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    onnx = pytest.importorskip("onnx", reason="ONNX is not installed")
    import onnxruntime

    case, inputs, got = drawn(case, "float32")
    pad, attributes = case.attributes.get("pad", (0, 0)), case.attributes
    names = ["data", "weight", "offset", "bias", "mask"]
    node = onnx.helper.make_node(
        "DeformConv",
        [name if name in inputs else "" for name in names],
        ["out"],
        kernel_shape=attributes["kernel"],
        strides=attributes.get("stride", (1, 1)),
        dilations=attributes.get("dilate", (1, 1)),
        pads=(*pad, *pad),
        group=attributes.get("num_group", 1),
        offset_group=attributes.get("num_deformable_group", 1),
    )
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "deformable",
        [onnx.helper.make_tensor_value_info(name, kind, values.shape) for name, values in inputs.items()],
        [onnx.helper.make_tensor_value_info("out", kind, got.shape)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert_close(got, session.run(None, inputs)[0], f"{case}: output")


def torchvision_cases():
    if importlib.util.find_spec("torchvision"):
        return [pytest.param(case, id=f"{case.operator}, {case.name}") for case in [*CASES, *MODULATED_CASES]]
    reason = "torchvision is not installed; none fits the torch that is pinned"
    return [pytest.param(None, id="all cases", marks=pytest.mark.skip(reason=reason))]


@pytest.mark.parametrize("case", torchvision_cases())
@pytest.mark.parametrize("offsets", [between_lines, on_lines])
def test_torchvision(case, offsets):
    import torchvision.ops as ops

    case = case.at("zero")
    arrays, results = draw_inputs(case, offsets), []
    for function in (deform_conv2d, ops.deform_conv2d):
        tensors = {name: torch.tensor(values, requires_grad=True) for name, values in arrays.items()}
        bias, mask = tensors.get("bias"), tensors.get("mask")
        more = {"stride": "stride", "pad": "padding", "dilate": "dilation"}
        grid = {ours: case.attributes[theirs] for theirs, ours in more.items() if theirs in case.attributes}
        out = function(tensors["data"], tensors["offset"], tensors["weight"], bias, mask=mask, **grid)
        out.backward(torch.from_numpy(draw_out_grad(case)))
        results.append({"output": out.detach().numpy(), **{name: t.grad.numpy() for name, t in tensors.items()}})
    for name, want in results[1].items():
        assert_close(results[0][name], np.asarray(want), f"{case}: {name}", 1e-10)
