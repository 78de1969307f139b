# SPDX-License-Identifier: Apache-2.0
"""Nodes, arguments and outputs are called what stock MXNet would call them, for parameter files depend on it."""

from __future__ import annotations

import threading

import mxnet as mx
import pytest
from samples import OPERATORS, sample

from operators.for_mxnet import gluon, sym

SIZES = {"kernel": (3, 3), "num_filter": 8}
STOCK = ("DeformableConvolution", "ModulatedDeformableConvolution")


def _both(name: str):
    """Our function and stock's, each in a fresh counter of automatic names."""
    for front in (sym, mx.sym.contrib):
        with mx.name.NameManager():
            yield getattr(front, name)


def _names(symbol) -> tuple:
    return symbol.name, symbol.list_arguments(), symbol.list_outputs(), symbol.list_auxiliary_states()


@pytest.mark.parametrize("operator", STOCK)
@pytest.mark.parametrize("name", ["res5a_branch2b", None])
@pytest.mark.parametrize("no_bias", [True, False])
def test_names_are_those_of_stock(operator, name, no_bias):
    data = mx.sym.var("data")
    ours, stock = (_names(function(data, name=name, no_bias=no_bias, **SIZES)) for function in _both(operator))
    assert ours == stock


def test_automatic_names_count_up_per_operator():
    with mx.name.NameManager():
        x = mx.sym.Convolution(mx.sym.var("data"), **SIZES)
        x = sym.DeformableConvolution(x, **SIZES)
        x = sym.ActiveConvolution(x, **SIZES)
        x = sym.DeformableConvolution(x, **SIZES)
        x = mx.sym.Convolution(x, **SIZES)
        x = sym.Shift(x)
    expected = ["data"]
    for node, inputs in (
        ("convolution0", ("weight", "bias")),
        ("deformableconvolution0", ("offset", "weight", "bias")),
        ("activeconvolution0", ("offset", "weight", "bias")),
        ("deformableconvolution1", ("offset", "weight", "bias")),
        ("convolution1", ("weight", "bias")),
        ("shift0", ("offset",)),
    ):
        expected += [f"{node}_{name}" for name in inputs]
    assert x.list_arguments() == expected


@pytest.mark.parametrize("operator", STOCK)
@pytest.mark.parametrize("name", ["res5a", None])
def test_prefix_of_a_name_manager(operator, name):
    results = []
    for front in (sym, mx.sym.contrib):
        with mx.name.Prefix("net_"):
            results.append(_names(getattr(front, operator)(mx.sym.var("data"), name=name, **SIZES)))
    assert results[0] == results[1]
    assert results[0][0].startswith("net_")


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_node_is_found_once_among_the_internals(operator):
    one = sample(operator)
    node = getattr(sym, operator)(*(mx.sym.var(name) for name in one.arrays), name="res5a", **one.attributes)
    outer = mx.sym.Activation(node, "relu")
    outputs = outer.get_internals().list_outputs()
    assert outputs.count("res5a_output") == 1
    assert len(set(outputs)) == len(outputs)
    cut = outer.get_internals()["res5a_output"]
    assert cut.list_outputs() == ["res5a_output"]
    assert cut.infer_shape(**one.known)[1] == [one.out_grad.shape]


def test_inputs_by_position_by_name_and_mixed_are_the_same_node():
    data, offset, weight = mx.sym.var("data"), mx.sym.var("o"), mx.sym.var("w")
    with mx.name.NameManager():
        texts = {
            sym.DeformableConvolution(data, offset, weight, name="n", **SIZES).tojson(),
            sym.DeformableConvolution(data, weight=weight, offset=offset, name="n", **SIZES).tojson(),
            sym.DeformableConvolution(weight=weight, offset=offset, data=data, name="n", out=None, **SIZES).tojson(),
        }
    assert len(texts) == 1
    composed = sym.DeformableConvolution(data, weight=weight, name="n", **SIZES)
    assert composed.list_arguments() == ["data", "n_offset", "w", "n_bias"]


def test_every_input_may_be_left_out():
    symbol = sym.ModulatedDeformableConvolution(name="n", **SIZES)
    assert symbol.list_arguments() == ["n_data", "n_offset", "n_mask", "n_weight", "n_bias"]


@pytest.mark.parametrize(
    "layer, stock, names",
    [
        (
            gluon.DeformableConvolution,
            mx.gluon.contrib.cnn.DeformableConvolution,
            ["offset_weight", "offset_bias", "deformable_conv_weight", "deformable_conv_bias"],
        ),
        (gluon.ActiveConvolution, mx.gluon.nn.Conv2D, ["weight", "bias", "offset"]),
        (gluon.Shift, None, ["offset"]),
    ],
)
def test_gluon_name_scopes(layer, stock, names):
    def build(kind):
        net = mx.gluon.nn.HybridSequential(prefix="net_")
        with net.name_scope():
            for _ in range(2):
                net.add(kind() if kind is gluon.Shift else kind(8, 3))
        return net

    net = build(layer)
    for i, block in enumerate(net):
        assert set(block.collect_params()) == {f"{block.prefix}{name}" for name in names}
        assert block.prefix == f"net_{block._alias()}{i}_"
    nodes = net(mx.sym.var("data"))
    assert nodes.list_outputs() == [f"{net[1].prefix}fwd_output"]
    assert set(nodes.list_arguments()) == {"data", *net.collect_params()}
    if stock and layer is gluon.DeformableConvolution:
        assert set(build(stock).collect_params()) == set(net.collect_params())


def test_a_thread_that_never_named_anything():
    results = []
    thread = threading.Thread(target=lambda: results.append(sym.Shift(mx.sym.var("data")).list_arguments()))
    thread.start()
    thread.join()
    assert results == [["data", "shift0_offset"]]
