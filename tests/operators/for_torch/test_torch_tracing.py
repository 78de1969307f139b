# SPDX-License-Identifier: Apache-2.0
"""torch.library registration: opcheck, torch.compile, meta and fake tensors, transforms."""

from __future__ import annotations

import shutil

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_samples import DEFORMABLE, NAMES, SAMPLES, sample  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.for_torch import deform_conv2d  # noqa: E402
from operators.for_torch.ops import OPERATIONS  # noqa: E402

each = pytest.mark.parametrize("name", NAMES)


def recorded(name, monkeypatch):
    """What a sample's call, and its backward pass, hand to the dispatcher."""
    calls = []

    def listen(operation, attribute):
        original = getattr(operation, attribute)
        monkeypatch.setattr(operation, attribute, lambda *args: calls.append((original, args)) or original(*args))

    for operation in OPERATIONS.values():
        listen(operation, "call")
        listen(operation, "call_backward")
    function, tensors = sample(name)
    function(*tensors).sum().backward()
    monkeypatch.undo()
    return calls[0], calls[-1]


@each
def test_opcheck(name, monkeypatch):
    (forward, args), (backward, backward_args) = recorded(name, monkeypatch)
    torch.library.opcheck(forward, args)
    # What AOT dispatch cannot trace, derivatives of derivatives, is tested in test_torch_derivatives.py.
    torch.library.opcheck(backward, [a.detach() if isinstance(a, torch.Tensor) else a for a in backward_args])


@each
def test_compiles_as_one_graph(name):
    torch.compiler.reset()  # or the recompilations of all samples are counted together
    function, tensors = sample(name)
    compiled = torch.compile(lambda *t: function(t[0].sin(), *t[1:]).cos(), backend="aot_eager", fullgraph=True)
    want = function(tensors[0].sin(), *tensors[1:]).cos()
    got = compiled(*tensors)
    assert torch.equal(got, want)
    grads = zip(torch.autograd.grad(got.sum(), tensors), torch.autograd.grad(want.sum(), tensors))
    assert all(torch.equal(a, b) for a, b in grads)


def test_compiles_with_inductor():
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch's inductor needs a C++ compiler")
    function, tensors = sample(DEFORMABLE)
    compiled = torch.compile(lambda *t: function(t[0].relu(), *t[1:]).sum(), fullgraph=True)
    got, want = compiled(*tensors), function(tensors[0].relu(), *tensors[1:]).sum()
    torch.testing.assert_close(got, want)
    for a, b in zip(torch.autograd.grad(got, tensors), torch.autograd.grad(want, tensors)):
        torch.testing.assert_close(a, b)


def test_one_compilation_serves_all_sizes():
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    weight = torch.randn(3, 2, 3, 3)
    compiled = torch.compile(
        lambda x, o: deform_conv2d(x, o, weight, stride=2, padding=1), backend=backend, fullgraph=True, dynamic=True
    )
    for batch, height, width in (
        (5, 8, 14),
        (3, 9, 10),
        (6, 12, 7),
    ):  # equal sizes in the first would be assumed ever after
        x = torch.randn(batch, 2, height, width)
        offset = torch.randn(batch, 18, (height + 1) // 2, (width + 1) // 2)
        assert torch.equal(compiled(x, offset), deform_conv2d(x, offset, weight, stride=2, padding=1))
    assert len(graphs) == 1


@each
def test_meta_tensors_have_the_right_shape(name):
    function, tensors = sample(name)
    out = function(*(tensor.to("meta") for tensor in tensors))
    want = function(*tensors)
    assert out.is_meta and out.shape == want.shape and out.dtype == want.dtype


@pytest.mark.parametrize("name", [name for name in NAMES if not SAMPLES[name].no_derivative])
def test_symbolic_shapes_are_the_real_ones(name, monkeypatch):
    """And are found without the decomposition, which is for ONNX and slow to trace."""
    from torch.fx.experimental.proxy_tensor import make_fx

    for operation in OPERATIONS.values():
        monkeypatch.setattr(operation, "composed", None)
    function, tensors = sample(name, requires_grad=False)
    graph = make_fx(function, tracing_mode="symbolic")(*tensors)
    assert torch.equal(graph(*tensors), function(*tensors))
    assert any("active_convnets" in str(node.target) for node in graph.graph.nodes)


def test_wrong_shapes_are_refused_while_tracing():
    x, weight = torch.randn(1, 2, 5, 5, device="meta"), torch.randn(3, 2, 3, 3, device="meta")
    with pytest.raises(ValueError, match=r"deform_conv2d: offset must have shape \(1, 18, 3, 3\)"):
        deform_conv2d(x, torch.zeros(1, 18, 5, 5, device="meta"), weight)


LAYERS = {
    "ActiveConv2d": lambda: for_torch.ActiveConv2d(4, 6, 3, padding="same", filter_offset_groups=2),
    "DeformConv2d": lambda: for_torch.DeformConv2d(4, 6, 3, padding=1, groups=2),
    "ModulatedDeformConv2d": lambda: for_torch.ModulatedDeformConv2d(4, 6, 3, padding=1),
    "Shift": lambda: for_torch.Shift(4),
}


def exported(net):
    """The program of a layer, for any batch, height and width, and two inputs for it."""
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    batch, height, width = (
        torch.export.Dim(name, min=6 if name != "batch" else 2, max=64) for name in ("batch", "height", "width")
    )
    inputs = [torch.randn(2, 4, 9, 8), torch.randn(3, 4, 12, 7)]
    return torch.export.export(net, (inputs[0],), dynamic_shapes=({0: batch, 2: height, 3: width},)), inputs


@pytest.mark.parametrize("name", LAYERS)
def test_torch_export_of_the_layers(name):
    net = LAYERS[name]()
    program, inputs = exported(net)
    assert any("active_convnets" in str(node.target) for node in program.graph.nodes)
    for x in inputs:
        assert torch.equal(program.module()(x), net(x))


@each
def test_torch_export_of_the_functions(name):
    function, tensors = sample(name, requires_grad=False)

    class Net(torch.nn.Module):
        def forward(self, *tensors):
            return function(*tensors)

    program = torch.export.export(Net(), tensors)
    assert torch.equal(program.module()(*tensors), function(*tensors))


def test_aot_inductor(tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "true")  # where inductor refuses to call an operation that has a decomposition
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch's inductor needs a C++ compiler")
    net = torch.nn.Sequential(
        for_torch.ModulatedDeformConv2d(4, 4, 3), torch.nn.ReLU(), for_torch.ActiveConv2d(4, 3, 3)
    )
    with torch.no_grad():
        program, inputs = exported(net.eval())
        package = torch._inductor.aoti_compile_and_package(program, package_path=str(tmp_path / "net.pt2"))
        compiled = torch._inductor.aoti_load_package(package)
        for x in inputs:
            torch.testing.assert_close(compiled(x), net(x))
