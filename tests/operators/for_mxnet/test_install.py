# SPDX-License-Identifier: Apache-2.0
"""install() and install(replace_stock=True): where MXNet code finds the operators, and how to take them away again."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, OURS, STOCK, convolution, sample

from operators.for_mxnet import install, nd, sym

PLACES = ((nd, (mx.nd.contrib, mx.contrib.nd)), (sym, (mx.sym.contrib, mx.contrib.symbol)))


def _installed() -> dict:
    return {(m, name): getattr(m, name, None) for _, modules in PLACES for m in modules for name in OPERATORS}


@pytest.fixture(autouse=True)
def as_found():
    """Every test leaves MXNet's modules as it found them."""
    install()
    before = _installed()
    yield
    install()
    assert _installed() == before


def _is_ours(module, name: str, ours) -> bool:
    return getattr(module, name) is getattr(ours, name)


def test_install_adds_what_stock_lacks_and_nothing_else():
    for ours, modules in PLACES:
        for module in modules:
            assert all(_is_ours(module, name, ours) for name in OURS)
            assert not any(_is_ours(module, name, ours) for name in STOCK)


def test_contrib_names_are_reached_by_all_their_paths():
    assert mx.contrib.ndarray.ActiveConvolution is mx.contrib.nd.ActiveConvolution is nd.ActiveConvolution
    assert mx.contrib.symbol.ActiveConvolution is mx.contrib.sym.ActiveConvolution is sym.ActiveConvolution


def test_replacing_is_undone_and_repeating_changes_nothing():
    before = _installed()
    for _ in range(2):
        install(replace_stock=True)
        for ours, modules in PLACES:
            assert all(_is_ours(module, name, ours) for module in modules for name in OPERATORS)
    for _ in range(2):
        install()
        assert _installed() == before


class _Net(mx.gluon.HybridBlock):
    """As user code would write it: everything through F.contrib."""

    def __init__(self, operator: str, attributes: dict):
        super().__init__()
        self._operator, self._attributes = operator, attributes

    def hybrid_forward(self, F, *inputs):
        return getattr(F.contrib, self._operator)(*inputs, **self._attributes)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("operator", OPERATORS)
def test_f_contrib_in_hybrid_forward(operator, hybrid):
    install(replace_stock=True)
    one = sample(operator)
    net = _Net(operator, one.attributes)
    net.hybridize(hybrid)
    np.testing.assert_allclose(net(*one.ndarrays().values()).asnumpy(), one.output(), rtol=1e-10, atol=1e-10)


def test_old_symbol_code_uses_ours():
    """ModulatedDeformableConvolution has no CPU gradient in stock MXNet: a gradient shows whose operator ran."""
    install(replace_stock=True)
    one = convolution("ModulatedDeformableConvolution")
    symbol = mx.contrib.symbol.ModulatedDeformableConvolution(
        name="res5a", **{name: mx.sym.var(name) for name in one.arrays}, **one.attributes, im2col_step=1, workspace=256
    )
    grads = {name: mx.nd.zeros(array.shape, dtype="float64") for name, array in one.arrays.items()}
    executor = symbol.bind(mx.cpu(), one.ndarrays(), args_grad=grads)
    executor.forward(is_train=True)
    executor.backward(mx.nd.array(one.out_grad, dtype="float64"))
    np.testing.assert_allclose(grads["mask"].asnumpy(), one.gradients()["mask"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("layer", ["DeformableConvolution", "ModulatedDeformableConvolution"])
def test_the_layers_of_gluon_contrib_use_ours(layer, hybrid):
    x = mx.nd.random.normal(shape=(2, 4, 7, 6))

    def train_step():
        net = getattr(mx.gluon.contrib.cnn, layer)(8, 3, padding=1, in_channels=4, offset_bias_initializer="ones")
        net.initialize(mx.init.One())
        net.hybridize(hybrid)
        with mx.autograd.record():
            loss = net(x).sum()
        loss.backward()
        return loss.asscalar(), net.offset_weight.grad().asnumpy()

    if layer == "ModulatedDeformableConvolution":
        with pytest.raises(mx.MXNetError, match="only implemented in GPU"):
            train_step()
    install(replace_stock=True)
    loss, gradient = train_step()
    assert np.isfinite(loss)
    assert np.abs(gradient).max() > 0


def test_a_graph_that_was_built_before_keeps_its_operator():
    stock = mx.sym.contrib.DeformableConvolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name="n")
    install(replace_stock=True)
    ours = mx.sym.contrib.DeformableConvolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name="n")
    assert "_contrib_DeformableConvolution" in stock.tojson()
    assert "_contrib_DeformableConvolution" in mx.sym.load_json(stock.tojson()).tojson()
    assert "_contrib_DeformableConvolution" not in ours.tojson()


def test_positional_and_keyword_arguments_of_stock_calls_are_understood():
    one = convolution("DeformableConvolution")
    arrays = one.ndarrays("float32")
    calls = {"layout": "NCHW", "workspace": 512, "no_bias": False, "out": mx.nd.zeros(one.out_grad.shape)}
    stock = mx.nd.contrib.DeformableConvolution(*arrays.values(), **one.attributes, **calls)
    install(replace_stock=True)
    ours = mx.nd.contrib.DeformableConvolution(
        **arrays, **one.attributes, **{**calls, "out": mx.nd.zeros(one.out_grad.shape)}
    )
    np.testing.assert_allclose(ours.asnumpy(), stock.asnumpy(), rtol=1e-4, atol=1e-4)
