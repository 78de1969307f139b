# SPDX-License-Identifier: Apache-2.0
"""In the place of torchvision, mmcv and the DCNv2 forks: names, orders, defaults, checkpoints, `install` and undo."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.for_torch import mmcv  # noqa: E402
from operators.for_torch import torchvision as shaped  # noqa: E402
from operators.library import OperatorError  # noqa: E402

HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
needs_torchvision = pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed beside this torch")


def drawn(dtype=torch.float32, **more):
    generator = torch.Generator().manual_seed(3)
    shapes = {"x": (2, 6, 7, 8), "offset": (2, 36, 7, 8), "mask": (2, 18, 7, 8), **more}
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes.values()]


def test_the_module_of_torchvisions_shape():
    x, offset, mask = drawn()
    torch.manual_seed(0)
    net = shaped.DeformConv2d(6, 4, 3, padding=1, groups=2)
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 4, 3, padding=1, groups=2)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), plain.state_dict().values()))
    assert list(net.state_dict()) == ["weight", "bias"]
    want = for_torch.deform_conv2d(x, offset, net.weight, net.bias, padding=1, mask=mask)
    assert torch.equal(net(x, offset, mask), want)
    torch.testing.assert_close(net(x, torch.zeros_like(offset)), plain(x))
    torch.jit.script(net)(x, offset, mask)
    with pytest.raises(OperatorError, match="DeformConv2d: out_channels must be a multiple of groups"):
        shaped.DeformConv2d(6, 5, 3, groups=2)


@needs_torchvision
def test_the_module_is_torchvisions():
    import torchvision

    x, offset, mask = drawn()
    theirs = torchvision.ops.DeformConv2d(6, 4, 3, 1, 1, 1, 2)
    ours = shaped.DeformConv2d(6, 4, 3, 1, 1, 1, 2)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x, offset, mask), theirs(x, offset, mask))
    torch.testing.assert_close(ours(x, offset), theirs(x, offset))


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is installed")
def test_install_without_torchvision_does_nothing():
    assert for_torch.install() is False
    for_torch.uninstall()
    assert "torchvision" not in sys.modules


@pytest.fixture
def installed():
    assert for_torch.install() is True
    yield
    for_torch.uninstall()


@needs_torchvision
def test_install_runs_torchvision_on_our_kernels_and_undo_puts_its_own_back(monkeypatch):
    import torchvision

    from operators.for_torch import cpu

    function, calls, forward = torchvision.ops.deform_conv2d, [], cpu.forward
    monkeypatch.setattr(cpu, "forward", lambda *args: calls.append(1) or forward(*args))
    x, offset, mask = drawn(torch.float64)
    net = torchvision.ops.DeformConv2d(6, 4, 3, padding=1, groups=2).double()
    want = [net(x, offset, mask), function(x, offset, net.weight, padding=1)]
    assert not calls
    for _ in range(2):
        for_torch.install()
        for_torch.install()  # once more is no harm
        got = [net(x, offset, mask), function(x, offset, net.weight, padding=1)]
        assert len(calls) == 2
        for a, b in zip(got, want):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12 * b.abs().max().item())
        for_torch.uninstall()
        assert torch.equal(net(x, offset, mask), want[0])
        assert len(calls) == 2
        calls.clear()


@needs_torchvision
@pytest.mark.parametrize("with_mask", [True, False])
def test_installed_gradients_are_torchvisions(with_mask):
    import torchvision

    x, offset, mask = (tensor.requires_grad_() for tensor in drawn(torch.float64))
    weight, bias = torch.randn(4, 3, 3, 3).double().requires_grad_(), torch.randn(4).double().requires_grad_()
    wanted = (x, offset, weight, bias, *([mask] if with_mask else []))

    def gradients():
        out = torchvision.ops.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask if with_mask else None)
        return torch.autograd.grad(out.sin().sum(), wanted)

    want = gradients()
    for_torch.install()
    try:
        got = gradients()
    finally:
        for_torch.uninstall()
    for a, b in zip(got, want):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10 * b.abs().max().item())


@needs_torchvision
def test_installed_is_invisible(installed):
    """What scripted and compiled programs, half types and error handlers see is torchvision's."""
    import torchvision

    x, offset, mask = drawn()
    net = torchvision.ops.DeformConv2d(6, 4, 3, padding=1, groups=2)
    assert (
        type(net).__module__.startswith("torchvision")
        and type(net(x, offset).grad_fn).__name__ != "deform_conv2dBackward"
    )
    want = net(x, offset, mask)
    torch.testing.assert_close(torch.jit.script(net)(x, offset, mask), want)
    torch.testing.assert_close(torch.compile(net, backend="aot_eager", fullgraph=True)(x, offset, mask), want)
    half = net.half()(x.half(), offset.half(), mask.half())
    torch.testing.assert_close(half.float(), want, rtol=0.02, atol=0.02 * want.abs().max().item())
    net.float()
    with pytest.raises(RuntimeError, match="the shape of the offset"):
        net(x, offset[:, :2])
    with pytest.raises(RuntimeError, match=r"mask.shape\[1\] is not valid"):
        net(x, offset, mask[:, :2])


def test_mmcvs_functions():
    x, offset, mask = drawn()
    weight, bias = torch.randn(4, 3, 3, 3), torch.randn(4)
    got = mmcv.deform_conv2d(x, offset, weight, 1, 1, 1, 2, 2, False, 64)
    assert torch.equal(got, for_torch.deform_conv2d(x, offset, weight, padding=1))
    got = mmcv.modulated_deform_conv2d(x, offset, mask, weight, bias, 1, 1, 1, 2, 2)
    assert torch.equal(got, for_torch.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask))
    mixed = mmcv.modulated_deform_conv2d(x.double(), offset, mask.double(), weight.double(), bias, 1, 1, 1, 2, 2)
    assert mixed.dtype is torch.float32
    torch.testing.assert_close(mixed, got)


def test_mmcvs_layers_have_its_order_defaults_and_names():
    plain = mmcv.DeformConv2d(6, 4, 3, 1, 1, 1, 2, 2)
    assert (plain.groups, plain.deform_groups, plain.bias) == (2, 2, None)
    assert list(mmcv.DeformConv2dPack(6, 4, 3).state_dict()) == ["weight", "conv_offset.weight", "conv_offset.bias"]
    modulated = mmcv.ModulatedDeformConv2d(6, 4, 3, 1, 1, 1, 2, 2)
    assert (modulated.groups, modulated.deform_groups) == (2, 2) and not modulated.bias.any()
    assert modulated.weight.abs().max() <= 1 / 54**0.5
    pack = mmcv.ModulatedDeformConv2dPack(6, 4, 3, 1, 1, 1, 2, 2)
    assert list(pack.state_dict()) == ["weight", "bias", "conv_offset.weight", "conv_offset.bias"]
    assert pack.conv_offset.out_channels == 54 and not pack.conv_offset.weight.any()
    x, offset, mask = drawn()
    assert plain(x, offset).shape == modulated(x, offset, mask).shape == pack(x).shape == (2, 4, 7, 8)
    fresh = nn.functional.conv2d(x, pack.weight, padding=1, groups=2)
    torch.testing.assert_close(pack(x), fresh / 2)  # a fresh mask is sigmoid(0)
    with pytest.warns(FutureWarning, match="deformable_groups is now called deform_groups"):
        assert mmcv.DeformConv2d(6, 4, 3, deformable_groups=3).deform_groups == 3


def test_mmcvs_wrong_calls_are_named():
    x, offset, _ = drawn()
    weight = torch.randn(4, 3, 3, 3)
    for call, message in (
        (lambda: mmcv.DeformConv2d(6, 4, 3, bias=True), "DeformConv2d: bias must be False"),
        (
            lambda: mmcv.DeformConv2d(6, 4, 3, deform_groups=4),
            "DeformConv2d: the channels of input must be divisible by",
        ),
        (
            lambda: mmcv.ModulatedDeformConv2dPack(6, 4, 3, deform_groups=0),
            "'deformable_groups' must be 1 to 2147483647, got 0",
        ),
        (
            lambda: shaped.DeformConv2d(6, 4, 3, stride=0),
            "DeformConv2d: argument 'stride' must hold integers of at least",
        ),
        (lambda: mmcv.deform_conv2d(x, offset, weight, bias=True), "deform_conv2d: bias must be False"),
        (
            lambda: mmcv.deform_conv2d(x.numpy(), offset, weight),
            "deform_conv2d: input must be a tensor, got ndarray",
        ),
        (
            lambda: mmcv.modulated_deform_conv2d(x, offset, [1.0], weight),
            "modulated_deform_conv2d: mask must be a tensor, got list",
        ),
        (
            lambda: mmcv.deform_conv2d(x, offset, weight[0]),
            "deform_conv2d: weight must have 4 dimensions (out_channels, C / groups, kernel y, kernel x), got",
        ),
        (
            lambda: mmcv.deform_conv2d(x, offset, weight, padding=1, deform_groups=2),
            "input must have groups * weight.shape",
        ),
        (lambda: mmcv.deform_conv2d(x, offset, weight, padding=1, groups=2), "offset must have 2 * deform_groups"),
    ):
        with pytest.raises(OperatorError) as caught:
            call()
        assert message in str(caught.value)


@pytest.mark.parametrize("name", ["conv_offset", "conv_offset_mask"])
def test_checkpoints_give_the_same_numbers(name):
    """mmcv's and the DCNv2 forks': as our own layer of the same numbers."""
    ours = for_torch.ModulatedDeformConv2d(6, 4, 3, padding=1, deformable_groups=2, mask_scale=1.0)
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.2)
    state = {f"conv2.{key}".replace("conv_offset", name): value for key, value in ours.state_dict().items()}

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv2 = mmcv.ModulatedDeformConv2dPack(6, 4, 3, padding=1, deform_groups=2)

    block = Block()
    block.load_state_dict(state)
    x, *_ = drawn()
    torch.testing.assert_close(block.conv2(x), ours(x))


def test_a_subclass_that_makes_its_own_offsets():
    """The commonest pattern of video restoration: offsets are a residue on a flow, and come from two other maps."""

    class Alignment(mmcv.ModulatedDeformConv2d):
        def __init__(self, *args, **kwargs):
            self.largest = kwargs.pop("largest", 5.0)
            super().__init__(*args, **kwargs)
            self.conv_offset = nn.Conv2d(self.out_channels + 2, 27 * self.deform_groups, 3, padding=1)

        def forward(self, x, other, flow):
            found = self.conv_offset(torch.cat([other, flow], 1))
            first, second, mask = found.chunk(3, 1)
            offset = self.largest * torch.tanh(torch.cat([first, second], 1))
            offset = offset + flow.flip(1).repeat(1, offset.shape[1] // 2, 1, 1)
            return mmcv.modulated_deform_conv2d(
                x, offset, mask.sigmoid(), self.weight, self.bias,
                self.stride, self.padding, self.dilation, self.groups, self.deform_groups,
            )  # fmt: skip

    net = Alignment(6, 4, 3, padding=1, deform_groups=2, largest=3.0)
    out = net(torch.randn(1, 6, 7, 8), torch.randn(1, 4, 7, 8), torch.randn(1, 2, 7, 8))
    out.sum().backward()
    assert out.shape == (1, 4, 7, 8) and net.conv_offset.weight.grad.any()


def test_neither_needs_the_library_whose_names_it_has():
    code = (
        "import sys, operators.for_torch.mmcv, operators.for_torch.torchvision;"
        "print(sorted({'mmcv', 'mmengine', 'torchvision'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
