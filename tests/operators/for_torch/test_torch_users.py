# SPDX-License-Identifier: Apache-2.0
"""What users do to a torch module, done to ours: memory formats, parametrizations, tracers, other kinds of numbers."""

from __future__ import annotations

import copy
import io
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from torch_samples import NAMES, sample  # noqa: E402

from operators import for_torch  # noqa: E402
from operators.library import OperatorError  # noqa: E402

MAKERS = {
    "ActiveConv2d": lambda: for_torch.ActiveConv2d(4, 6, 3, padding=1, filter_offset_groups=2),
    "DeformConv2d": lambda: for_torch.DeformConv2d(4, 6, 3, padding=1, stride=2, groups=2),
    "ModulatedDeformConv2d": lambda: for_torch.ModulatedDeformConv2d(4, 6, 3, padding=1, deformable_groups=2),
    "Shift": lambda: for_torch.Shift(4),
}
each_layer = pytest.mark.parametrize("name", MAKERS)


def layer(name):
    torch.manual_seed(1)
    net = MAKERS[name]()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net, torch.randn(2, 4, 9, 8)


@each_layer
def test_channels_last_as_models_are_made_so(name):
    net, x = layer(name)
    want = net(x)
    shapes = {key: value.shape for key, value in net.state_dict().items()}
    net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(x.to(memory_format=torch.channels_last)), want)
    net.double().float()
    assert {key: value.shape for key, value in net.state_dict().items()} == shapes
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in net.parameters())
    net(x).sum().backward()
    net.to(memory_format=torch.channels_last)
    assert all(parameter.grad.shape == parameter.shape for parameter in net.parameters() if parameter.grad is not None)


@each_layer
def test_one_image_without_a_batch(name):
    net, x = layer(name)
    torch.testing.assert_close(net(x[0]), net(x)[0])


def test_functions_take_one_image_too():
    x, offset, mask = torch.randn(2, 4, 6, 6), torch.randn(2, 18, 6, 6), torch.rand(2, 9, 6, 6)
    weight = torch.randn(3, 4, 3, 3)
    got = for_torch.deform_conv2d(x[1], offset[1], weight, padding=1, mask=mask[1])
    torch.testing.assert_close(got, for_torch.deform_conv2d(x, offset, weight, padding=1, mask=mask)[1])


@pytest.mark.parametrize("make", [for_torch.ActiveConv2d, for_torch.DeformConv2d, for_torch.ModulatedDeformConv2d])
def test_padding_in_words(make):
    x = torch.randn(1, 4, 9, 8)
    for padding, dilation in (("same", 1), ("same", (3, 2)), ("valid", 1)):
        arguments = dict(padding=padding, dilation=dilation)
        assert make(4, 6, (3, 5), **arguments)(x).shape == nn.Conv2d(4, 6, (3, 5), **arguments)(x).shape
    for arguments in (dict(kernel_size=2), dict(kernel_size=3, stride=2)):
        with pytest.raises(OperatorError, match=f"{make.__name__}: padding='same' needs stride 1 and the same padding"):
            make(4, 6, padding="same", **arguments)
    with pytest.raises(OperatorError, match="'same' or 'valid', got 'reflect'"):
        make(4, 6, 3, padding="reflect")


def test_numbers_of_other_kinds():
    net = for_torch.ModulatedDeformConv2d(
        np.int64(4), np.int32(6), torch.Size([3, 3]), np.array([1, 2]), torch.tensor(1), groups=np.int64(2)
    )
    x = torch.randn(1, 4, 9, 8)
    assert net(x).shape == nn.Conv2d(4, 6, 3, (1, 2), 1)(x).shape
    assert type(net.groups) is int and all(type(size) is int for size in (*net.kernel_size, *net.stride, *net.padding))
    weight = torch.randn(6, 2, 3, 3)
    out = for_torch.active_conv2d(x, torch.zeros(1, 1, 3, 3, 2), weight, groups=np.int64(2), stride=np.array([1, 2]))
    torch.testing.assert_close(out, nn.functional.conv2d(x, weight, groups=2, stride=(1, 2)))
    boxes = torch.tensor([[0.0, 0, 0, 5, 5]])
    assert for_torch.PSRoIPool(np.int64(2), np.float32(0.5))(x, boxes).shape == (1, 1, 2, 2)
    assert for_torch.deform_ps_roi_pool(x, boxes, None, np.int64(2), 1.0, np.int64(2)).shape == (1, 1, 2, 2)


IMPOSSIBLE = [
    (lambda: for_torch.ActiveConv2d(4, 6, 3, filter_offset_groups=4),
     "ActiveConv2d: out_channels must be divisible by filter_offset_groups, got out_channels=6"),
    (lambda: for_torch.DeformConv2d(4, 6, 3, deformable_groups=3),
     "DeformConv2d: the channels of input must be divisible by deformable_groups"),
    (lambda: for_torch.ModulatedDeformConv2d(4, 6, 3, filter_offset_groups=5),
     "ModulatedDeformConv2d: out_channels must be divisible by filter_offset_groups"),
    (lambda: for_torch.DeformConv2d(4, 6, 3, deformable_groups=0),
     "DeformConv2d: argument 'deformable_groups' must be 1 to 2147483647, got 0"),
    (lambda: for_torch.ActiveConv2d(4, 6, 3, groups=0), "ActiveConv2d: in_channels must be a multiple of groups"),
    (lambda: for_torch.ActiveConv2d(0, 6, 3), "ActiveConv2d: input must have at least one channel"),
    (lambda: for_torch.DeformConv2d(4, 6, 3, stride=0), "'stride' must hold integers of at least 1, got (0, 0)"),
    (lambda: for_torch.DeformConv2d(4, 6, 3, padding=-1), "'padding' must hold integers of at least 0"),
    (lambda: for_torch.ActiveConv2d(4, 6, 3, boundary="wrap"), "'boundary' must be one of 'zero', 'inside', 'border'"),
    (lambda: for_torch.ActiveConv2d(4, 6, 3, fixed_taps=(9,)), "'fixed_taps' must hold numbers from 0 to 8, got 9"),
    (lambda: for_torch.DeformConv2d(4.5, 6, 3), "DeformConv2d: in_channels must be an integer, got 4.5"),
    (lambda: for_torch.Shift(0), "Shift: input must have a channel"),
    (lambda: for_torch.Shift(3, boundary="reflect"), "Shift: argument 'boundary' must be one of"),
    (lambda: for_torch.PSRoIPool((3, 2)), "PSRoIPool: output_size must be square, got (3, 2)"),
    (lambda: for_torch.PSRoIPool(3, 2.0), "PSRoIPool: spatial_scale must be above 0 and at most 1, got 2"),
    (lambda: for_torch.DeformPSRoIPool(3, group_size=0), "DeformPSRoIPool: group_size must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(IMPOSSIBLE)))
def test_a_layer_that_cannot_be_is_not_made(number):
    make, message = IMPOSSIBLE[number]
    with pytest.raises(OperatorError) as caught:
        make()
    assert message in str(caught.value)


def rates(net) -> dict:
    groups = for_torch.param_groups(nn.Sequential(net), lr=1.0, weight_decay=0.1)
    return {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}


PARAMETRIZE = {
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "parametrizations.spectral_norm": parametrizations.spectral_norm,
    "weight_norm": nn.utils.weight_norm,
    "spectral_norm": nn.utils.spectral_norm,
    "prune": lambda net, name: prune.l1_unstructured(net, name, 0.3),
}


@pytest.mark.parametrize("way", PARAMETRIZE)
@pytest.mark.parametrize("name", ["ActiveConv2d", "Shift"])
@pytest.mark.filterwarnings("ignore")
def test_rates_follow_a_parametrization_of_offsets(name, way):
    net, x = layer(name)
    net.offset_lr_mult = 0.01
    others = {key for key, _ in net.named_parameters()} - {"offset"}
    PARAMETRIZE[way](net, "offset")
    found, parameters = rates(net), dict(net.named_parameters())
    assert len(found) == len(parameters) > len(others)
    for key, parameter in parameters.items():
        assert found[id(parameter)] == ((1.0, 0.1) if key in others else (0.01, 0.0)), key
    torch.optim.SGD(for_torch.param_groups(net, lr=1.0), lr=1.0)
    net(x).square().sum().backward()
    assert all(parameter.grad.any() for key, parameter in parameters.items() if "offset" in key)


def test_rates_follow_a_parametrization_of_the_branch():
    net, x = layer("DeformConv2d")
    parametrizations.weight_norm(net.conv_offset)
    found = rates(net)
    for key, parameter in net.named_parameters():
        assert found[id(parameter)] == ((0.1, 0.1) if "conv_offset" in key else (1.0, 0.1)), key
    net(x).sum().backward()


@each_layer
def test_fx(name):
    net, x = layer(name)
    traced = torch.fx.symbolic_trace(nn.Sequential(net, nn.ReLU()))
    torch.testing.assert_close(traced(x), net(x).relu(), rtol=0, atol=0)
    targets = [node.target for node in traced.graph.nodes if node.op == "call_function"]
    assert any(target in vars(for_torch).values() for target in targets)


@each_layer
def test_torchscript(name):
    net, x = layer(name)
    scripted = torch.jit.script(net)
    file = io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    for other in (scripted, torch.jit.load(file)):
        got = other(x)
        torch.testing.assert_close(got, net(x), rtol=0, atol=0)
        got.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_torchscript_of_the_functions():
    @torch.jit.script
    def program(x, boxes, trans):
        pooled = for_torch.ps_roi_pool(x, boxes, 3, spatial_scale=0.5)
        return pooled + for_torch.deform_ps_roi_pool(x, boxes, trans, 3, 0.5, group_size=3)

    x, boxes, trans = torch.randn(1, 18, 8, 8), torch.tensor([[0.0, 1, 1, 12, 13]]), torch.randn(1, 2, 3, 3)
    want = for_torch.ps_roi_pool(x, boxes, 3, 0.5) + for_torch.deform_ps_roi_pool(x, boxes, trans, 3, 0.5, 3)
    torch.testing.assert_close(program(x, boxes, trans), want, rtol=0, atol=0)


@each_layer
def test_jit_trace(name):
    net, x = layer(name)
    other = torch.randn(3, 4, 7, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        traced = torch.jit.trace(net, x, check_inputs=[(other,)])
    torch.testing.assert_close(traced(other), net(other), rtol=0, atol=0)


@pytest.mark.parametrize("make", [for_torch.ActiveConv2d, for_torch.DeformConv2d])
@pytest.mark.parametrize("trained", [("weight",), ("weight", "input"), ("input",)])
def test_flops_are_those_of_the_plain_convolution(make, trained):
    x = torch.randn(2, 4, 9, 8, requires_grad="input" in trained)

    def flops(net):
        for key, parameter in net.named_parameters():
            parameter.requires_grad_(key in trained)
        with FlopCounterMode(display=False) as counter:
            net(x).sum().backward()
        counts = counter.get_flop_counts()["Global"]
        return {str(op).removesuffix("_backward"): count for op, count in counts.items()}, counter.get_total_flops()

    # In one group: torch counts the weight gradient of several too high.
    net, plain = make(4, 6, 3, stride=2, padding=1), nn.Conv2d(4, 6, 3, stride=2, padding=1)
    total = flops(net)[1]
    if hasattr(net, "conv_offset"):
        branch = net.conv_offset.requires_grad_(False)
        with FlopCounterMode(display=False) as counter:
            branch(x).sum().backward() if x.requires_grad else branch(x)
        total -= counter.get_total_flops()
    assert total == flops(plain)[1] > 0


@pytest.mark.filterwarnings("error::FutureWarning")
def test_old_names_of_arguments_are_taken_with_a_warning():
    x, offset, weight = torch.randn(1, 2, 5, 5), torch.randn(1, 36, 5, 5), torch.randn(4, 2, 3, 3)
    with pytest.warns(FutureWarning, match="deform_conv2d: offset_groups is now called filter_offset_groups"):
        old = for_torch.deform_conv2d(x, offset, weight, padding=1, offset_groups=2)
    assert torch.equal(old, for_torch.deform_conv2d(x, offset, weight, padding=1, filter_offset_groups=2))
    with pytest.warns(FutureWarning, match="ActiveConv2d: offset_lr_rate is now called offset_grad_scale"):
        assert for_torch.ActiveConv2d(2, 4, 3, offset_lr_rate=0.5).offset_grad_scale == 0.5
    with pytest.warns(FutureWarning, match="ActiveConv2d: offset_groups is now called filter_offset_groups"):
        assert for_torch.ActiveConv2d(2, 4, 3, offset_groups=2).offset.shape[0] == 2
    with pytest.warns(FutureWarning, match="DeformConv2d: offset_groups is now called filter_offset_groups"):
        assert for_torch.DeformConv2d(2, 4, 3, offset_groups=2).filter_offset_groups == 2
    offset = torch.zeros(1, 1, 3, 3, 2, requires_grad=True)
    with pytest.warns(FutureWarning, match="active_conv2d: offset_lr_rate is now called offset_grad_scale"):
        for_torch.active_conv2d(x, offset, weight, offset_lr_rate=0.0).sum().backward()
    assert not offset.grad.any()
    with pytest.raises(OperatorError, match="offset_groups is the old name of filter_offset_groups; both were given"):
        for_torch.DeformConv2d(2, 4, 3, offset_groups=2, filter_offset_groups=2)


@pytest.mark.parametrize("name", NAMES)
def test_deepcopies_of_results_of_every_function_have_gradients(name):
    """No function returns a view or a tensor whose storage is not its own."""
    function, tensors = sample(name, requires_grad=False)
    out = function(*tensors)
    assert out.untyped_storage().nbytes() == math.prod(out.shape) * out.element_size()
    assert torch.equal(copy.deepcopy(out), out)
