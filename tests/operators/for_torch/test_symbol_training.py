# SPDX-License-Identifier: Apache-2.0
"""Training: statistics of BatchNorm, Dropout, frozen parameters, and what a SymbolNet may be moved to."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_mxnet import sym  # noqa: E402
from operators.for_torch.symbol_net import SymbolNet  # noqa: E402
from operators.library import OperatorError  # noqa: E402

from symbol_samples import close, draw, expect_same  # noqa: E402  # isort: skip

DATA, LABEL = mx.sym.var("data"), mx.sym.var("label")


def three_steps_in_mxnet(symbol, arg, aux, batches):
    arrays = {name: mx.nd.array(each, dtype="float64") for name, each in arg.items()}
    states = {name: mx.nd.array(each, dtype="float64") for name, each in aux.items()}
    grads = {name: mx.nd.zeros(each.shape, dtype="float64") for name, each in arg.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads, "write", states)
    for data, label in batches:
        arrays["data"][:], arrays["label"][:] = data, label
        executor.forward(is_train=True)
        executor.backward()
        for name in arg:
            if name not in ("data", "label"):
                arrays[name][:] -= 0.1 * grads[name]
    return {name: each.asnumpy() for name, each in {**arrays, **states}.items() if name not in ("data", "label")}


def three_steps_in_torch(symbol, arg, aux, batches):
    net = SymbolNet(symbol.tojson(), {name: each for name, each in arg.items() if name not in ("data", "label")}, aux)
    for data, label in batches:
        net.zero_grad()
        net.backward_heads(net(data=torch.tensor(data), label=torch.tensor(label)))
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.1 * parameter.grad
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("use_global_stats", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (7, 3)])
def test_batch_norm_over_three_steps(fix_gamma, use_global_stats, shape):
    """Parameters, a fixed gamma that MXNet sets to 1 included, and statistics."""
    symbol = mx.sym.BatchNorm(
        mx.sym.tanh(DATA) * 3 + 1,
        name="bn",
        fix_gamma=fix_gamma,
        use_global_stats=use_global_stats,
        momentum=0.7,
        eps=1e-4,
    )
    symbol = mx.sym.LinearRegressionOutput(symbol, LABEL, name="loss")
    arg, aux = draw(symbol, data=shape)
    random = np.random.default_rng(1)
    batches = [(random.standard_normal(shape), random.standard_normal(shape)) for _ in range(3)]
    want = three_steps_in_mxnet(symbol, arg, aux, batches)
    got = three_steps_in_torch(symbol, arg, aux, batches)
    assert set(got) == set(want)
    for name, values in want.items():
        close(got[name], values, 1e-12, name)
    assert np.array_equal(got["bn_moving_mean"], aux["bn_moving_mean"]) == use_global_stats


def test_statistics_move_in_the_backward_pass_only():
    """As in MXNet on a CPU, also where nothing wants a gradient."""
    symbol = mx.sym.BatchNorm(DATA, name="bn", fix_gamma=False)
    arg, aux = draw(symbol, data=(4, 2, 3, 3))
    data = torch.tensor(arg.pop("data"))
    net = SymbolNet(symbol.tojson(), arg, aux)
    before = net.bn_moving_var.clone()
    out = net(data=data)
    assert torch.equal(net.bn_moving_var, before)
    net.backward_heads(out)
    want = before * np.float32(0.9).item() + data.var((0, 2, 3), unbiased=False) * (1 - np.float32(0.9).item())
    torch.testing.assert_close(net.bn_moving_var, want)


def test_gradients_of_offsets():
    """Normalized, scaled and fixed taps: ActiveConvolution's own rules."""
    grid = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 4, "num_offset_group": 2, "num_deformable_group": 3}
    for more in ({}, {"normalize_grad": True}, {"offset_lr_rate": 0.05, "fixed_taps": (4, 8)}):
        symbol = sym.ActiveConvolution(data=DATA, name="acn", boundary="border", **grid, **more)
        expect_same(mx.sym.square(symbol), *draw(symbol, data=(2, 3, 5, 4)))


def test_frozen_parameters_get_no_gradient_and_stay():
    """A warm-up: the offsets wait."""
    symbol = sym.ActiveConvolution(data=DATA, name="acn", kernel=(3, 3), num_filter=2)
    arg, aux = draw(symbol, data=(1, 2, 5, 5))
    data = torch.tensor(arg.pop("data"))
    net = SymbolNet(symbol.tojson(), arg, aux)
    net.acn_offset.requires_grad_(False)
    net.backward_heads(net(data=data))
    assert net.acn_offset.grad is None
    assert net.acn_weight.grad.abs().min() > 0


def test_a_parameter_that_no_way_leads_to_gets_zeros():
    """So that weight decay acts on it as in MXNet."""
    symbol = mx.sym.BlockGrad(DATA * mx.sym.var("w")) + DATA
    net = SymbolNet(symbol.tojson(), {"data": np.ones(3), "w": np.ones(3)}, {})
    net.backward_heads(net())
    assert net.w.grad.tolist() == [0, 0, 0] and net.data.grad.tolist() == [1, 1, 1]


def test_dropout():
    symbol = mx.sym.Dropout(DATA, p=0.25, axes=(1,), name="drop")
    net = SymbolNet(symbol.tojson(), {}, {})
    data = torch.ones(200, 3, 50)
    torch.manual_seed(0)
    out = net(data=data)
    assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(out.mean() - 1) < 0.05
    assert torch.equal(out, out[:, :1].expand_as(out))  # one draw for all channels
    assert net.eval()(data=data) is data
    always = SymbolNet(mx.sym.Dropout(DATA, p=0.25, mode="always").tojson(), {}, {}).eval()
    assert 0 < (always(data=data) == 0).float().mean() < 0.5


def small_net():
    """A convolution, batch statistics, learned offsets, a deformable layer and a loss."""
    grid = {"kernel": (3, 3), "pad": (1, 1), "no_bias": True}
    x = mx.sym.Convolution(DATA, num_filter=4, name="conv", **grid)
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="bn", fix_gamma=False), act_type="relu")
    x = sym.ActiveConvolution(data=x, num_filter=4, name="acn", **grid)
    offset = mx.sym.Convolution(x, num_filter=18, name="offset", **grid)
    x = sym.DeformableConvolution(data=x, offset=offset, num_filter=5, name="deform", **grid)
    symbol = mx.sym.SoftmaxOutput(x, LABEL, name="softmax", multi_output=True, normalization="valid")
    arg, aux = draw(symbol, data=(2, 3, 8, 6), label=(2, 8, 6))
    data = torch.tensor(arg.pop("data"))
    del arg["label"]
    label = torch.randint(0, 5, (2, 8, 6), generator=torch.Generator().manual_seed(0))
    return SymbolNet(symbol.tojson(), {name: each * 0.3 for name, each in arg.items()}, aux), data, label


def step(net, data, label) -> dict:
    net.backward_heads(net(data=data, label=label))
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def moved(net, data, label, where: str):
    """The net and its inputs there."""
    if where == "float32":
        return net.float(), data.float(), label
    if where == "channels_last":
        return net.to(memory_format=torch.channels_last), data.to(memory_format=torch.channels_last), label
    return net.to("cpu"), data.to("cpu"), label


@pytest.mark.parametrize("where, tolerance", [("float32", 1e-4), ("channels_last", 1e-10), ("cpu", 0)])
def test_it_trains_alike_everywhere(where, tolerance):
    want = step(*small_net())
    net, data, label = moved(*small_net(), where)
    for name, grad in step(net, data, label).items():
        assert (grad - want[name]).abs().max() <= tolerance * want[name].abs().max(), name


def test_autocast():
    """Losses and statistics stay in float32, parameters and their gradients too."""
    net, data, label = small_net()
    want = step(*small_net())
    net, data = net.float(), data.float()
    with torch.autocast("cpu", torch.bfloat16):
        out = net(data=data, label=label)
    net.backward_heads(out)
    assert out.dtype == torch.float32 and net.bn_moving_mean.dtype == torch.float32
    for name, parameter in net.named_parameters():
        assert parameter.grad.dtype == torch.float32
        if "offset" not in name:  # bfloat16 moves what they look at
            cosine = torch.cosine_similarity(parameter.grad.flatten().double(), want[name].flatten(), 0)
            assert cosine > 0.97, (name, cosine)


def test_a_copy_trains_alone():
    net, data, label = small_net()
    copy = deepcopy(net)
    want = step(net, data, label)
    assert all(parameter.grad is None for parameter in copy.parameters())
    assert all(torch.equal(grad, want[name]) for name, grad in step(copy, data, label).items())


def test_meta_tensors():
    net, data, label = small_net()
    grads = step(net.to("meta"), data.to("meta"), label.to("meta"))
    assert {grad.device.type for grad in grads.values()} == {"meta"}


def test_cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    want = step(*small_net())
    net, data, label = small_net()
    got = step(net.to("cuda"), data.cuda(), label.cuda())
    for name, grad in got.items():
        assert (grad.cpu() - want[name]).abs().max() <= 1e-10 * want[name].abs().max(), name


def test_states_are_needed():
    symbol = mx.sym.BatchNorm(DATA, name="bn")
    arg, aux = draw(symbol, data=(2, 3))
    with pytest.raises(OperatorError, match="auxiliary states are missing: bn_moving_mean"):
        SymbolNet(symbol.tojson(), {**arg, **aux}, {"bn_moving_var": aux["bn_moving_var"]})
