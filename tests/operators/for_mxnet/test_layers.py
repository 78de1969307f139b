# SPDX-License-Identifier: Apache-2.0
"""The Gluon layers: what they compute, learn, save and share with MXNet's own layers."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import contrib, nn
from neighbours import MODES

from operators.for_mxnet import gluon

LAYERS = tuple(gluon.__all__)
GLUON_MODES = [mode for mode in MODES if mode != "bind"]
SHAPE = {"kernel_size": (3, 2), "strides": (2, 1), "padding": (1, 2), "dilation": (1, 2)}


def _layer(operator: str, **arguments):
    if operator == "Shift":
        return gluon.Shift(**arguments)
    return getattr(gluon, operator)(6, **SHAPE, **arguments)


def _data(images=2):
    return mx.nd.array(np.random.RandomState(1).randn(images, 4, 7, 6))


@pytest.mark.parametrize("mode", GLUON_MODES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("operator", [name for name in LAYERS if name != "Shift"])
def test_a_new_layer_is_an_ordinary_convolution(operator, bias, mode):
    boundary = {"boundary": "zero"}
    layer = _layer(operator, use_bias=bias, activation="relu", groups=2, **boundary)
    plain = nn.Conv2D(6, **SHAPE, use_bias=bias, activation="relu", groups=2)
    for net in (layer, plain):
        net.initialize(mx.init.Xavier())
        if MODES[mode] is not None:
            net.hybridize(**MODES[mode])
        net(_data())
    weight = "weight" if operator == "ActiveConvolution" else "deformable_conv_weight"
    getattr(layer, weight).set_data(plain.weight.data())
    np.testing.assert_allclose(layer(_data()).asnumpy(), plain(_data()).asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", GLUON_MODES)
def test_shift_starts_spread_over_the_neighbours(mode):
    layer = gluon.Shift()
    layer.initialize()
    if MODES[mode] is not None:
        layer.hybridize(**MODES[mode])
    layer(_data())
    offset = layer.offset.data().asnumpy()
    assert offset.shape == (4, 2)
    assert 0 < np.abs(offset).max() <= 1


@pytest.mark.parametrize("operator", ["DeformableConvolution", "ModulatedDeformableConvolution"])
@pytest.mark.parametrize("hybrid", [True, False])
def test_parameter_files_fit_mxnets_own_layer_both_ways(operator, hybrid, tmp_path):
    arguments = {"groups": 2, "num_deformable_group": 2, "in_channels": 4, "activation": "relu"}
    branch = {"offset_weight_initializer": mx.init.Normal(0.2), "offset_bias_initializer": mx.init.Normal(0.5)}
    with mx.name.NameManager():
        stock = getattr(contrib.cnn, operator)(6, **SHAPE, **arguments, **branch)
        ours = getattr(gluon, operator)(6, **SHAPE, **arguments, **branch)
    path = str(tmp_path / "layer.params")
    for first, second in ((stock, ours), (ours, stock)):
        for net in (first, second):
            net.initialize(mx.init.Xavier(), force_reinit=True)
            net.hybridize(hybrid)
            net(_data())  # stock's layer defers a shape that it was told
        first.save_parameters(path)
        second.load_parameters(path)
        np.testing.assert_allclose(second(_data()).asnumpy(), first(_data()).asnumpy(), rtol=1e-4, atol=1e-4)
    assert set(mx.nd.load(path)) == {
        "offset_weight", "offset_bias", "deformable_conv_weight", "deformable_conv_bias"
    }  # fmt: skip


@pytest.mark.parametrize("operator", ["DeformableConvolution", "ModulatedDeformableConvolution"])
def test_arguments_by_position_are_those_of_mxnets_own_layer(operator):
    positions = (6, (3, 2), (2, 1), (1, 2), (1, 2), 2, 2, "NCHW", False, 4, "relu", None, "zeros", "ones", "ones", True)
    shapes = []
    for kind in (contrib.cnn, gluon):
        net = getattr(kind, operator)(*positions, prefix="n_")
        net.initialize()
        assert net(_data()).shape == (2, 6, 4, 8)
        shapes.append({name: parameter.shape for name, parameter in net.collect_params().items()})
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("hybrid", [True, False])
@pytest.mark.parametrize("operator", LAYERS)
def test_lr_mult_scales_the_update_of_the_offsets(operator, hybrid):
    updates = {}
    for lr_mult in (0.0, 1.0, 0.25):
        layer = _layer(operator, in_channels=4, offset_lr_mult=lr_mult)
        layer.initialize(mx.init.One())
        layer.hybridize(hybrid)
        for parameter in layer.collect_params().values():
            parameter.set_data(0.3 * mx.nd.ones(parameter.shape))
        trainer = mx.gluon.Trainer(layer.collect_params(), "sgd", {"learning_rate": 0.1})
        with mx.autograd.record():
            loss = (layer(_data()) * _data(1).mean()).sum()
        loss.backward()
        before = {name: p.data().asnumpy().copy() for name, p in layer.collect_params().items()}
        trainer.step(1)
        updates[lr_mult] = [
            (name[len(layer.prefix):], p.data().asnumpy() - before[name]) for name, p in layer.collect_params().items()
        ]  # fmt: skip
    for (name, none), (_, whole), (_, quarter) in zip(updates[0.0], updates[1.0], updates[0.25]):
        assert np.abs(whole).max() > 0, name
        factor = 0.25 if name.startswith("offset") else 1
        np.testing.assert_allclose(quarter, factor * whole, rtol=1e-3, atol=1e-7, err_msg=name)
        np.testing.assert_allclose(none, whole if factor == 1 else 0 * whole, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("operator", ["ActiveConvolution", "Shift"])
def test_offsets_that_are_parameters_do_not_decay(operator):
    layer = _layer(operator, in_channels=4)
    layer.initialize(mx.init.One())
    layer.offset.set_data(0.5 * mx.nd.ones(layer.offset.shape))
    trainer = mx.gluon.Trainer(layer.collect_params(), "sgd", {"learning_rate": 0.1, "wd": 0.5})
    with mx.autograd.record():
        loss = 0 * layer(_data()).sum()
    loss.backward()
    trainer.step(1)
    np.testing.assert_array_equal(layer.offset.data().asnumpy(), 0.5 * np.ones(layer.offset.shape, np.float32))


@pytest.mark.parametrize("operator", LAYERS)
def test_export_and_imports(operator, tmp_path):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 1), _layer(operator), nn.Conv2D(2, 1))
    net.initialize(mx.init.Normal(0.5))
    net.hybridize()
    expected = net(_data()).asnumpy()
    net.export(str(tmp_path / "net"))
    symbol_file, parameter_file = str(tmp_path / "net-symbol.json"), str(tmp_path / "net-0000.params")
    loaded = mx.gluon.SymbolBlock.imports(symbol_file, ["data"], parameter_file)
    np.testing.assert_allclose(loaded(_data()).asnumpy(), expected, rtol=1e-5, atol=1e-6)
    with mx.autograd.record():  # it also trains on
        loss = loaded(_data()).sum()
    loss.backward()
    assert all(np.isfinite(p.grad().asnumpy()).all() for p in loaded.collect_params().values())


@pytest.mark.parametrize("operator", LAYERS)
def test_hybridized_and_plain_give_the_same_gradients(operator):
    layer = _layer(operator, in_channels=4)
    layer.initialize(mx.init.Normal(0.5))
    results = []
    for mode in GLUON_MODES:
        layer.hybridize(MODES[mode] is not None, **(MODES[mode] or {}))
        with mx.autograd.record():
            loss = layer(_data()).square().sum()
        loss.backward()
        results.append([p.grad().asnumpy().copy() for p in layer.collect_params().values()])
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("operator", LAYERS)
def test_a_layer_in_float64(operator):
    layer = _layer(operator, in_channels=4)
    layer.initialize()
    layer.cast("float64")
    assert layer(_data().astype("float64")).dtype == np.float64
