# SPDX-License-Identifier: Apache-2.0
"""The LS-DFN block: the Symbol and the torch module compute the same, and start as the paper says."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from lib.config.dynamic_filter import DynamicFilterBlock  # noqa: E402
from lib.modules.dynamic_filter import DynamicFilter  # noqa: E402
from lib.modules.operators import SymbolNet  # noqa: E402
from lib.nets.dynamic_filter import dynamic_filter  # noqa: E402
from lib.run.initial import initial_value  # noqa: E402

SMALL = DynamicFilterBlock(num_filter=3, channels=4, hidden=5, samples=3, sample_stride=2)
OTHER = DynamicFilterBlock(2, 3, 4, kernel=5, samples=2, fusion="mean", residual=False, attention_at="output")


def arrays(block, channels=6):
    """(symbol, argument -> float64 array) of a block on two maps."""
    symbol = dynamic_filter(mx.sym.var("data"), "ls", block)
    random = np.random.default_rng(0)
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=(2, channels, 7, 8))[0]))
    return symbol, {name: random.standard_normal(shape) * 0.3 for name, shape in shapes.items()}


def module_of(block, values):
    """The torch module with the parameters of the Symbol."""
    net = DynamicFilter(values["data"].shape[1], block).double()
    state = {name.replace("ls_", "").replace("_weight", ".weight").replace("_bias", ".bias"): torch.tensor(value)
             for name, value in values.items() if name != "data"}  # fmt: skip
    net.load_state_dict(state)
    return net


@pytest.mark.parametrize("block", [SMALL, OTHER], ids=["small", "other"])
def test_symbol_and_module_agree(block):
    symbol, values = arrays(block)
    given = {name: mx.nd.array(value, dtype="float64") for name, value in values.items()}
    grads = {name: mx.nd.zeros_like(array) for name, array in given.items()}
    executor = symbol.bind(mx.cpu(), given, grads)
    want = executor.forward(is_train=True)[0].asnumpy()
    executor.backward(mx.nd.ones(want.shape, dtype="float64"))

    net, data = module_of(block, values), torch.tensor(values["data"], requires_grad=True)
    got = net(data)
    got.sum().backward()
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=0, atol=1e-11 * np.abs(want).max())
    found = {f"ls_{name.replace('.', '_')}": parameter.grad for name, parameter in net.named_parameters()}
    assert {*found, "data"} == set(values)
    for name, gradient in {**found, "data": data.grad}.items():
        theirs = grads[name].asnumpy()
        assert np.abs(theirs).max() > 0, name
        np.testing.assert_allclose(gradient.numpy(), theirs, rtol=0, atol=1e-11 * np.abs(theirs).max(), err_msg=name)


def test_the_graph_runs_on_pytorch_too():
    symbol, values = arrays(SMALL)
    want = module_of(SMALL, values)(torch.tensor(values["data"])).detach()
    got = SymbolNet(symbol.tojson(), values, {})()
    torch.testing.assert_close(got.detach(), want, rtol=0, atol=1e-11 * float(want.detach().abs().max()))


def test_it_starts_with_the_sum_over_the_samples_of_the_mean_channel():
    """Kernels near 0, attentions near 1."""
    block = DynamicFilterBlock(num_filter=2, channels=8, hidden=16, samples=3, sample_stride=1)
    torch.manual_seed(0)
    net, data = DynamicFilter(5, block), torch.randn(1, 5, 9, 9)
    features = net.feature(net.feature_hidden(data).relu()).relu()
    want = 9 * torch.nn.functional.avg_pool2d(features.mean(1, keepdim=True), 3, 1, 1)
    got = net(data)
    torch.testing.assert_close(got, want.expand_as(got), rtol=0, atol=0.2 * float(want.detach().abs().max()))
    mean = DynamicFilter(5, DynamicFilterBlock(2, 8, 16, samples=3, sample_stride=1, fusion="mean"))
    mean.load_state_dict(net.state_dict())
    torch.testing.assert_close(mean(data), got / 9)


def test_initial_values_are_the_same_in_both():
    block = DynamicFilterBlock()
    symbol = dynamic_filter(mx.sym.var("data"), "ls", block)
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=(1, 64, 8, 8))[0]))
    kinds = block.initial("ls")
    assert set(kinds) == set(shapes) - {"data"}
    torch.manual_seed(0)
    module = {f"ls_{name.replace('.', '_')}": value for name, value in DynamicFilter(64, block).named_parameters()}
    for name, kind in kinds.items():
        made, value = initial_value(kind, name, shapes[name], 0), module[name].detach()
        assert tuple(value.shape) == shapes[name]
        assert float(value.std()) == pytest.approx(made.std(), rel=0.05), name
    assert float(module["ls_channel_weight"].detach().std()) == pytest.approx(1e-4, rel=0.05)


def test_parameters_do_not_grow_with_the_samples_but_for_the_attention():
    counts = [sum(p.numel() for p in DynamicFilter(8, DynamicFilterBlock(2, 4, 4, samples=s)).parameters())
              for s in (1, 5)]  # fmt: skip
    assert counts[1] - counts[0] == 24 * (8 * 9 + 1)


def test_normal_with_a_deviation_of_its_own():
    assert initial_value("normal(1e-4)", "w", (300, 200), 0).std() == pytest.approx(1e-4, rel=0.02)
    np.testing.assert_array_equal(
        initial_value("normal(0.01)", "w", (9, 9), 0), initial_value("normal", "w", (9, 9), 0)
    )
    with pytest.raises(ValueError, match=r"known: .*normal\(S\)"):
        initial_value("normal()", "w", (1,), 0)


@pytest.mark.parametrize(
    "wrong", [{"num_filter": -1}, {"channels": 0}, {"hidden": 0}, {"kernel": 0}, {"samples": 0}, {"sample_stride": 0},
              {"fusion": "max"}, {"attention_at": "centre"}]
)  # fmt: skip
def test_sizes_that_cannot_be_are_told_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name}: expected .*, got "):
        DynamicFilterBlock(**wrong)
