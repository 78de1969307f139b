# SPDX-License-Identifier: Apache-2.0
"""from_stock and to_stock: networks carried from MXNet's own nodes to ours and back."""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np
import pytest
from samples import OURS, STOCK, convolution, sample

from operators.for_mxnet import from_stock, install, sym, to_stock

GRID = {"num_filter": 8, "kernel": (3, 3), "pad": (1, 1)}
SHAPES = {"data": (2, 3, 9, 8), "rois": (3, 5)}


def network(front, **attributes):
    """All four operators that stock has, in one network: convolutions one after the other, and two poolings of them."""
    net = mx.sym.Convolution(mx.sym.var("data"), name="conv", **GRID)
    offset = mx.sym.Convolution(net, name="branch", num_filter=18, kernel=(3, 3), pad=(1, 1))
    net = front.DeformableConvolution(net, offset, name="dcn", lr_mult=2, **GRID, **attributes)
    halves = mx.sym.SliceChannel(net, num_outputs=2, name="halves")
    net = mx.sym.concat(halves[1], halves[0], dim=1, name="swapped")
    branch = mx.sym.Convolution(net, name="mod_branch", num_filter=27, kernel=(3, 3), pad=(1, 1))
    offset = mx.sym.slice_axis(branch, axis=1, begin=0, end=18, name="mod_offset")
    mask = mx.sym.sigmoid(mx.sym.slice_axis(branch, axis=1, begin=18, end=None, name="mod_rest"), name="mod_mask")
    net = front.ModulatedDeformableConvolution(net, offset, mask, name="mod", no_bias=True, **GRID)
    rois, sizes = mx.sym.var("rois"), {"spatial_scale": 0.5, "output_dim": 2, "pooled_size": 2}
    first = front.PSROIPooling(net, rois, name="pool", **sizes)
    moves = front.DeformablePSROIPooling(net, rois, name="moves", group_size=2, no_trans=True, **sizes)
    second = front.DeformablePSROIPooling(net, rois, moves, name="moved", group_size=2, trans_std=0.1, **sizes)
    return mx.sym.Group([first, second])


def names(symbol) -> tuple:
    return symbol.list_arguments(), symbol.list_outputs(), symbol.list_auxiliary_states()


def operators_of(symbol) -> list:
    return [node["op"] for node in json.loads(symbol.tojson())["nodes"] if node["op"] != "null"]


def arrays_for(symbol) -> dict:
    random, shapes = np.random.RandomState(2), dict(zip(symbol.list_arguments(), symbol.infer_shape(**SHAPES)[0]))
    arrays = {name: mx.nd.array(0.3 * random.randn(*shape)) for name, shape in shapes.items()}
    arrays["rois"] = mx.nd.array([[0, 0, 0, 9, 9], [1, 2, 3, 14, 12], [1, -2, 1, 5, 20]])
    return arrays


def outputs(symbol, arrays: dict) -> list:
    return [out.asnumpy() for out in symbol.bind(mx.cpu(), arrays).forward(is_train=False)]


def test_a_stock_network_becomes_ours_and_the_other_way_round():
    stock, ours = network(mx.sym.contrib), network(sym)
    converted, back = from_stock(stock), to_stock(ours)
    assert operators_of(converted) == operators_of(ours)
    assert operators_of(back) == operators_of(stock)
    assert names(converted) == names(stock) == names(back) == names(ours)
    assert converted.infer_shape(**SHAPES) == stock.infer_shape(**SHAPES) == back.infer_shape(**SHAPES)
    arrays = arrays_for(stock)
    expected = outputs(stock, arrays)
    for symbol in (converted, back):
        for got, want in zip(outputs(symbol, arrays), expected):
            np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_there_and_back_changes_nothing():
    stock, ours = network(mx.sym.contrib), network(sym)
    assert json.loads(to_stock(from_stock(stock)).tojson()) == json.loads(stock.tojson())
    assert json.loads(from_stock(to_stock(ours)).tojson()) == json.loads(ours.tojson())
    assert json.loads(from_stock(ours).tojson()) == json.loads(ours.tojson())
    assert json.loads(to_stock(stock).tojson()) == json.loads(stock.tojson())


def test_hints_and_outputs_by_number_stay():
    for symbol in (from_stock(network(mx.sym.contrib)), to_stock(network(sym))):
        attributes = symbol.attr_dict()
        assert attributes["dcn"]["__lr_mult__"] == attributes["dcn_weight"]["__lr_mult__"] == "2"
        assert symbol.get_internals()["swapped_output"].infer_shape(data=SHAPES["data"])[1] == [(2, 8, 9, 8)]


def test_what_was_converted_trains():
    """Stock's modulated convolution has no gradient on a CPU."""
    symbol = mx.sym.MakeLoss(mx.sym.sum(from_stock(network(mx.sym.contrib))[1]))
    arrays = arrays_for(symbol)
    grads = {name: mx.nd.zeros(array.shape) for name, array in arrays.items()}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=grads)
    executor.forward(is_train=True)
    executor.backward()
    assert all(np.abs(grads[name].asnumpy()).max() > 0 for name in arrays if name != "rois")


def test_the_loop_that_takes_every_output_of_four_dimensions():
    """As a detector does to find its feature maps: it must see the network before it is converted, and then does."""

    def feature_strides(symbol):
        internals = symbol.get_internals()
        found = {}
        for name in internals.list_outputs():
            shape = internals[name].infer_shape_partial(data=(1, 3, 64, 64))[1][0] if name.endswith("_output") else ()
            if len(shape) == 4 and 0 not in shape:
                assert 64 % shape[2] == 0, name
                found[name] = 64 // shape[2]
        return found

    data, sizes = mx.sym.var("data"), {"kernel": (2, 2), "stride": (2, 2)}
    offset = mx.sym.Convolution(data, num_filter=8, name="offset", **sizes)
    net = mx.sym.contrib.DeformableConvolution(data, offset, name="dcn", num_filter=64, **sizes)
    found = feature_strides(net)
    assert found == {"offset_output": 2, "dcn_output": 2}
    converted = from_stock(net)
    assert feature_strides(to_stock(converted)) == found
    guards = [name for name in converted.get_internals().list_outputs() if "guard" in name]
    assert guards == ["dcn_data_guard_output", "dcn_offset_guard_same_output", "dcn_offset_guard_output",
                      "dcn_weight_guard_same_output", "dcn_weight_guard_output"]  # fmt: skip


def test_internals_survive_as_what_they_stand_for():
    ours = network(sym).get_internals()
    stock = to_stock(ours)
    assert len(stock.list_outputs()) == len(ours.list_outputs())
    by_place = dict(zip(ours.list_outputs(), stock.list_outputs()))
    assert by_place["dcn_data_guard_output"] == "conv_output"
    assert by_place["dcn_weight_guard_same_output"] == by_place["dcn_weight_guard_output"] == "dcn_weight"
    assert by_place["dcn_raw"] == by_place["dcn_output"] == "dcn_output"


@pytest.mark.parametrize("front", [sym, mx.sym.contrib])
def test_the_body_of_a_loop_is_converted(front):
    def body(data, states):
        sizes = {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}
        return front.PSROIPooling(data, mx.sym.var("rois"), name="pool", **sizes), states

    loop, _ = mx.sym.contrib.foreach(body, mx.sym.var("data"), [])
    arrays = {"data": mx.nd.random.normal(shape=(3, 1, 8, 5, 5)), "rois": mx.nd.array([[0, 0, 0, 3, 3]])}
    expected = outputs(loop, arrays)
    for symbol, there in ((from_stock(loop), True), (to_stock(loop), False)):
        assert ('"Custom"' in symbol.tojson()) == there
        assert symbol.list_arguments() == loop.list_arguments()
        np.testing.assert_allclose(outputs(symbol, arrays)[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operator", OURS)
def test_what_stock_does_not_have_is_refused_by_name(operator):
    with pytest.raises(mx.MXNetError, match=f"Error in operator res5: {operator}: stock MXNet has no such operator"):
        to_stock(sample(operator).symbol("res5"))


@pytest.mark.parametrize(
    "operator, attributes, said",
    [
        ("DeformableConvolution", {"boundary": "zero"}, "'boundary' .* boundary=inside does, got boundary=zero"),
        ("ModulatedDeformableConvolution", {"boundary": "border"}, "boundary=zero does, got boundary=border"),
        ("DeformableConvolution", {"num_offset_group": 2}, "num_offset_group=1 does, got num_offset_group=2"),
    ],
)
def test_what_stock_cannot_express_is_refused_by_name(operator, attributes, said):
    with pytest.raises(
        mx.MXNetError, match=f"Error in operator res5: {operator}: stock MXNet has no attribute.*{said}"
    ):
        to_stock(convolution(operator, **attributes).symbol("res5"))


def test_stocks_own_choice_may_be_written_out():
    ours = convolution("DeformableConvolution", boundary="inside", num_offset_group=1).symbol("res5")
    assert "_contrib_DeformableConvolution" in to_stock(ours).tojson()


def test_attributes_that_ours_does_not_take_are_refused_by_name():
    stock = mx.sym.contrib.DeformableConvolution(mx.sym.var("data"), name="res5", layout="NCW", **GRID)
    with pytest.raises(mx.MXNetError, match="Error in operator res5: DeformableConvolution: attribute 'layout'"):
        from_stock(stock)


def test_the_guard_of_another_custom_operator_stays():
    """detection's steps have guards of the same name and form; in stock MXNet they need them, too."""
    data, offset = mx.sym.var("data"), mx.sym.var("offset")
    ours = sym.DeformableConvolution(data, offset, name="dcn", num_filter=4, kernel=(3, 3))
    guard = mx.sym.slice_axis(ours, axis=0, begin=0, end=None, name="step_data_guard")
    stock = to_stock(mx.sym.relu(guard, name="step"))
    names = [node["name"] for node in json.loads(stock.tojson())["nodes"]]
    assert "step_data_guard" in names and "dcn_data_guard" not in names


@pytest.mark.parametrize("convert", [from_stock, to_stock])
def test_anything_but_a_symbol_is_refused(convert):
    with pytest.raises(TypeError, match="a Symbol is expected, got str; mx.sym.load"):
        convert("net-symbol.json")


@pytest.mark.parametrize("operator", STOCK)
def test_the_attributes_of_stock_are_ours(operator):
    """All that stock takes is understood, and what is only ours has a default that says what stock does."""
    from operators.library import descriptions

    known = descriptions()[operator]
    arguments = STOCK[operator] - {"name", "attr", "out", "kwargs"}
    assert arguments <= {*known.inputs, *known.attributes}
    assert {*known.attributes} - arguments <= {"boundary", "num_offset_group"}


def test_install_does_not_change_what_is_converted():
    install(replace_stock=True)
    try:
        ours = network(mx.sym.contrib)
        assert operators_of(to_stock(ours)) == operators_of(to_stock(network(sym)))
    finally:
        install()
    assert operators_of(to_stock(ours)) == operators_of(network(mx.sym.contrib))


def test_a_trained_network_goes_back_to_a_process_without_our_operators(run_program, tmp_path):
    """Built with stock names, trained with ours, saved as stock."""
    data = mx.sym.var("data")
    offset = mx.sym.Convolution(data, name="offset", num_filter=18, kernel=(3, 3), pad=(1, 1))
    net = mx.sym.contrib.DeformableConvolution(data, offset, name="dcn", **GRID)
    net = mx.sym.LinearRegressionOutput(mx.sym.mean(net, axis=(1, 2, 3)), name="loss")
    values, label = np.random.RandomState(0).randn(8, 2, 6, 6), np.arange(8)
    batches = mx.io.NDArrayIter(values, label, batch_size=4, label_name="loss_label")
    module = mx.mod.Module(from_stock(net), label_names=["loss_label"])
    module.fit(batches, num_epoch=2, initializer=mx.init.Xavier(), optimizer_params={"learning_rate": 0.1})
    expected = module.predict(batches).asnumpy()
    arguments, auxiliary = module.get_params()
    mx.model.save_checkpoint(str(tmp_path / "net"), 2, to_stock(module.symbol), arguments, auxiliary)
    mx.nd.save(str(tmp_path / "data.nd"), [mx.nd.array(values)])
    mx.nd.save(str(tmp_path / "result.nd"), [mx.nd.array(expected)])
    assert float(run_program("stock_only.py", tmp_path).stdout.split()[-1]) < 1e-4
