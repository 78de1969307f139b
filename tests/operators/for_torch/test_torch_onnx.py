# SPDX-License-Identifier: Apache-2.0
"""torch.onnx.export of every function and module, in ONNX Runtime and the ONNX reference, at two sizes."""

from __future__ import annotations

import io

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript, which torch.onnx.export needs, is not installed")
onnx = pytest.importorskip("onnx", reason="ONNX is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from onnx.reference import ReferenceEvaluator  # noqa: E402
from torch import nn  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.for_torch import mmcv  # noqa: E402
from operators.for_torch import torchvision as shaped  # noqa: E402

SIZES = ((2, 9, 10), (3, 12, 7))  # batch, height, width
DYNAMIC = torch.export.Dim.DYNAMIC
IMAGES = {0: DYNAMIC, 2: DYNAMIC, 3: DYNAMIC}


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *tensors):
        return self.function(*tensors)


def images(batch, height, width, channels=4):
    return (torch.randn(batch, channels, height, width),)


def with_offsets(batch, height, width):
    random = [torch.randn(batch, channels, height, width) for channels in (4, 36, 18)]
    return tuple(random)


def with_boxes(batch, height, width):
    corners = torch.rand(5, 2) * 2 * torch.tensor([width, height])
    boxes = torch.cat([torch.randint(0, batch, (5, 1)).float(), corners, corners + torch.rand(5, 2) * 9], 1)
    return (*images(batch, height, width, 18), boxes)


def with_trans(batch, height, width):
    return (*with_boxes(batch, height, width), torch.randn(5, 2, 3, 3))


def with_kernels(batch, height, width):
    """Of a dynamic filter with 2 output channels, 3x3 taps and 3x3 samples."""
    return tuple(torch.randn(batch, channels, height, width) for channels in (4, 8, 18, 9, 9))


WEIGHT = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))
CASES = {
    "ActiveConv2d": (lambda: for_torch.ActiveConv2d(4, 6, 3, padding=1, groups=2, filter_offset_groups=3), images),
    "ActiveConv2d, border": (lambda: for_torch.ActiveConv2d(4, 6, (3, 2), 2, 2, 2, boundary="border"), images),
    "DeformConv2d": (lambda: for_torch.DeformConv2d(4, 6, 3, 2, 1, groups=2, deformable_groups=2), images),
    "DeformConv2d, inside": (lambda: for_torch.DeformConv2d(4, 6, 3, padding=1, boundary="inside"), images),
    "DeformConv2d, filters": (lambda: for_torch.DeformConv2d(4, 6, 3, padding=1, filter_offset_groups=2), images),
    "ModulatedDeformConv2d": (lambda: for_torch.ModulatedDeformConv2d(4, 6, 3, padding=2, dilation=2), images),
    "Shift": (lambda: for_torch.Shift(4), images),
    "PSRoIPool": (lambda: for_torch.PSRoIPool(3, 0.5), with_boxes),
    "DeformPSRoIPool": (lambda: for_torch.DeformPSRoIPool(3, 0.5, group_size=3, sample_per_part=2), with_trans),
    "DeformPSRoIPool, no trans": (lambda: for_torch.DeformPSRoIPool(3, 0.5), with_boxes),
    "torchvision.DeformConv2d": (lambda: shaped.DeformConv2d(4, 6, 3, padding=1), with_offsets),
    "mmcv.ModulatedDeformConv2dPack": (lambda: mmcv.ModulatedDeformConv2dPack(4, 6, 3, padding=1), images),
    "deform_conv2d": (
        lambda: Function(lambda x, o, m: for_torch.deform_conv2d(x, o, WEIGHT, padding=1, mask=m)),
        with_offsets,
    ),
    "dynamic_filter2d": (
        lambda: Function(lambda *tensors: for_torch.dynamic_filter2d(*tensors, samples=3, sample_stride=2)),
        with_kernels,
    ),
}
DEFORM_CONV = ["DeformConv2d", "ModulatedDeformConv2d", "torchvision.DeformConv2d", "deform_conv2d"]
DEFORM_CONV += ["mmcv.ModulatedDeformConv2dPack"]


def exported(name):
    torch.manual_seed(0)
    make, draw = CASES[name]
    net = make().eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    given = draw(*SIZES[0])
    dynamic = tuple(
        IMAGES if tensor.dim() == 4 and tensor.shape[0] == SIZES[0][0] else {0: DYNAMIC} for tensor in given
    )
    if len(list(net.children())) == 0 and isinstance(net, Function):
        dynamic = (dynamic,)  # *tensors is one argument
    program = torch.onnx.export(net, given, dynamo=True, dynamic_shapes=dynamic, opset_version=20, verbose=False)
    file = io.BytesIO()
    program.save(file)
    return net, draw, onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_export(name):
    net, draw, model = exported(name)
    onnx.checker.check_model(model, full_check=True)
    kinds = {node.op_type for node in model.graph.node}
    assert {entry.domain for entry in model.opset_import} == {""} and not model.functions
    assert ("DeformConv" in kinds) == (name in DEFORM_CONV)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for size in SIZES:
        given = draw(*size)
        want = net(*given).detach()
        named = {node.name: tensor.numpy() for node, tensor in zip(session.get_inputs(), given)}
        for run in (session.run, ReferenceEvaluator(model).run):
            got = torch.from_numpy(run(None, named)[0])
            torch.testing.assert_close(got, want, rtol=0, atol=1e-5 * want.abs().max().item())


@pytest.mark.filterwarnings("ignore")
def test_a_program_that_was_exported_before():
    """torch.export first: the program holds our operators, and the ONNX exporter takes them apart."""
    net, x = for_torch.Shift(4), torch.randn(2, 4, 6, 5)
    program = torch.export.export(net, (x,))
    assert any("active_convnets.shift2d" in str(node.target) for node in program.graph.nodes)
    model = torch.onnx.export(program, dynamo=True, opset_version=20, verbose=False).model_proto
    got = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(got), net(x).detach())
