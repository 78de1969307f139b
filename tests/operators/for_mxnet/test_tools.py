# SPDX-License-Identifier: Apache-2.0
"""MXNet's own tools that go by name or walk the graph: Module, initializers, plots, monitors, quantization, AMP."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from samples import OPERATORS, sample

from operators.for_mxnet import gluon, sym

README = Path(__file__).parents[3] / "README.md"
GRID = {"num_filter": 6, "kernel": (3, 3), "pad": (1, 1)}
INITIALIZERS = {
    "Xavier": lambda: mx.init.Xavier(),
    "MSRAPrelu": lambda: mx.init.MSRAPrelu(),
    "Uniform": lambda: mx.init.Uniform(0.1),
    "Normal": lambda: mx.init.Normal(0.1),
    "Orthogonal": lambda: mx.init.Orthogonal(),
    "Zero": lambda: mx.init.Zero(),
    "One": lambda: mx.init.One(),
    "Constant": lambda: mx.init.Constant(3),
    "Mixed": lambda: mx.init.Mixed([".*bias", ".*"], [mx.init.One(), mx.init.Xavier()]),
    "Load": lambda: mx.init.Load({"look_weight": mx.nd.ones((6, 6, 3, 3))}, default_init=mx.init.Xavier()),
}


def network(front, looks: bool = True):
    """A small classifier with operators of ours, and of stock's where it has them."""
    net = mx.sym.Convolution(mx.sym.var("data"), name="conv", **GRID)
    if looks:
        net = sym.ActiveConvolution(net, name="look", **GRID)
        net = sym.Shift(net, name="shift")
    offset = mx.sym.Convolution(net, name="branch", num_filter=18, kernel=(3, 3), pad=(1, 1))
    net = front.DeformableConvolution(net, offset, name="dcn", **GRID)
    net = mx.sym.FullyConnected(mx.sym.flatten(net, name="flat"), num_hidden=3, name="fc")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def batches(images=12, size=8):
    """Pictures whose class is where they are bright."""
    random = np.random.RandomState(0)
    labels = np.arange(images) % 3
    data = 0.1 * random.randn(images, 3, size, size)
    for image, label in enumerate(labels):
        data[image, :, :, 2 * label : 2 * label + 3] += 1
    return mx.io.NDArrayIter(data, labels, batch_size=6)


def bound(symbol, iterator, **arguments):
    module = mx.mod.Module(symbol)
    module.bind(iterator.provide_data, iterator.provide_label, **arguments)
    return module


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_fills_a_module_and_offsets_say_themselves_what_they_start_with(name):
    module = bound(network(sym), batches())
    module.init_params(INITIALIZERS[name]())
    parameters, _ = module.get_params()
    assert (parameters["look_offset"].asnumpy() == 0).all()
    spread = parameters["shift_offset"].asnumpy()
    assert 0 < np.abs(spread).max() <= 1
    if name == "Load":
        assert (parameters["look_weight"].asnumpy() == 1).all()


def test_an_offset_that_was_given_may_say_something_else():
    said = mx.sym.var("own", init=mx.init.Constant(0.25))
    silent = mx.sym.var("other")
    net = sym.ActiveConvolution(mx.sym.var("data"), said, name="a", **GRID)
    net = sym.ActiveConvolution(net, silent, name="b", attr={"__init__": '["one", {}]'}, **GRID)
    net = sym.ActiveConvolution(net, name="c", attr={"__init__": '["one", {}]'}, **GRID)
    module = mx.mod.Module(net, label_names=None)
    module.bind([("data", (1, 2, 5, 5))])
    module.init_params(mx.init.Xavier())
    values = {name: float(array.asnumpy().flat[0]) for name, array in module.get_params()[0].items()}
    assert values["own"] == 0.25
    assert values["other"] == 0
    assert values["c_offset"] == values["c_weight"] == 1  # a hint of the node goes to all its variables


def test_a_layer_and_a_symbol_start_alike():
    layers = {"ActiveConvolution": gluon.ActiveConvolution(6, 3), "Shift": gluon.Shift(4)}
    for operator, layer in layers.items():
        made = getattr(sym, operator)(mx.sym.var("data"), name="n", **({} if operator == "Shift" else GRID))
        init = json.loads(made.attr_dict()["n_offset"]["__init__"])
        assert init == json.loads(layer.offset.var().attr("__init__"))


def test_the_readme_example_trains_through_a_module():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "for_mxnet import sym" in block]
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    net = mx.sym.Pooling(names["net"], global_pool=True, kernel=(1, 1), pool_type="avg")
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.flatten(net), num_hidden=3), name="softmax")
    module, losses = mx.mod.Module(net), []
    mx.random.seed(3)
    module.fit(
        batches(), num_epoch=12, eval_metric="ce", initializer=mx.init.Xavier(), optimizer="adam",
        optimizer_params={"learning_rate": 0.01},
        epoch_end_callback=lambda epoch, *_: losses.append(module.score(batches(), "ce")[0][1]),
    )  # fmt: skip
    assert losses[-1] < 0.5 * losses[0]
    assert np.abs(module.get_params()[0]["look_offset"].asnumpy()).max() > 0


def test_lr_mult_of_one_variable_reaches_the_update_of_a_module():
    offset = mx.sym.var("slow", lr_mult=0.25)
    net = mx.sym.MakeLoss(mx.sym.sum(sym.ActiveConvolution(mx.sym.var("data"), offset, name="look", **GRID)))
    net = mx.sym.Group([net, mx.sym.BlockGrad(mx.sym.var("same"))])
    updates = {}
    for lr_mult in ("0.25", "1"):
        offset._set_attr(__lr_mult__=lr_mult)
        module = mx.mod.Module(net, data_names=["data", "same"], label_names=None)
        module.bind([("data", (1, 2, 5, 5)), ("same", (1,))])
        module.init_params(mx.init.Constant(0.3))
        module.init_optimizer(optimizer_params={"learning_rate": 0.01, "rescale_grad": 1.0})
        module.forward_backward(mx.io.DataBatch([mx.nd.arange(50).reshape((1, 2, 5, 5)), mx.nd.ones(1)]))
        module.update()
        updates[lr_mult] = module.get_params()[0]["slow"].asnumpy()
    assert np.abs(updates["1"]).max() > 0
    np.testing.assert_allclose(updates["0.25"], 0.25 * updates["1"], rtol=1e-5)


def test_print_summary(capsys):
    net = network(sym)
    mx.viz.print_summary(net, shape={"data": (1, 3, 8, 8)})
    ours = capsys.readouterr().out
    for layer in ("conv(Convolution)", "look(Custom)", "shift(Custom)", "dcn(Custom)", "softmax(SoftmaxOutput)"):
        assert layer in ours
    mx.viz.print_summary(network(mx.sym.contrib), shape={"data": (1, 3, 8, 8)})
    total = re.search(r"Total params: (\d+)", capsys.readouterr().out)
    assert f"Total params: {total[1]}" in ours  # it counts the parameters of a few stock layers only


def test_plot_network():
    pytest.importorskip("graphviz", reason="mx.viz.plot_network needs the package graphviz")
    source = mx.viz.plot_network(network(sym), shape={"data": (1, 3, 8, 8)}).source
    for arrow in ("conv -> data", "look -> look_data_guard", "dcn -> dcn_offset_guard", "flat -> dcn"):
        assert arrow in source


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_summed_up_and_plotted(operator, capsys):
    one = sample(operator)
    symbol, shapes = one.symbol(), {name: array.shape for name, array in one.arrays.items()}
    mx.viz.print_summary(symbol, shape=shapes)
    assert "op(Custom)" in capsys.readouterr().out
    pytest.importorskip("graphviz", reason="mx.viz.plot_network needs the package graphviz")
    assert f"label={operator}" in mx.viz.plot_network(symbol, shape=shapes).source


def test_a_monitor_sees_what_every_node_gives():
    symbol, iterator = network(sym), batches()
    monitor = mx.mon.Monitor(1, stat_func=lambda x: x.copy(), pattern=".*output|.*raw|.*weight", sort=True)
    module = bound(symbol, iterator)
    module.init_params(mx.init.Xavier())
    module.init_optimizer()
    module.install_monitor(monitor)
    monitor.tic()
    module.forward(next(iter(iterator)), is_train=True)
    seen = {name: monitor.queue[i][2] for i, (_, name, _) in enumerate(monitor.queue)}
    for name in ("conv_output", "look_output", "shift_output", "dcn_output", "fc_output"):
        assert np.isfinite(seen[name].asnumpy()).all(), name
    assert (seen["look_data_guard_output"].asnumpy() == seen["conv_output"].asnumpy()).all()
    module.backward()
    module.update()
    statistics = dict((name, value) for _, name, value in monitor.toc())
    assert "dcn_weight" in statistics


@pytest.mark.filterwarnings("ignore")
def test_quantization_leaves_our_nodes_as_it_leaves_stocks():
    from mxnet.contrib.quantization import quantize_model

    iterator = batches()
    kinds = {}
    for front in (sym, mx.sym.contrib):
        module = bound(network(front, looks=front is sym), iterator, for_training=False)
        module.init_params(mx.init.Xavier())
        symbol = module.symbol.get_backend_symbol("MKLDNN_QUANTIZE")
        quantized, arguments, auxiliary = quantize_model(
            symbol, *module.get_params(), ctx=mx.cpu(), calib_mode="naive", calib_data=iterator, num_calib_examples=12,
            quantized_dtype="auto",
        )  # fmt: skip
        kinds[front] = {node["name"]: node["op"] for node in json.loads(quantized.tojson())["nodes"]}
        small = bound(quantized, iterator, for_training=False)
        small.set_params(arguments, auxiliary)
        batch = next(iter(batches()))
        for each in (module, small):
            each.forward(batch, is_train=False)
        exact, rounded = (each.get_outputs()[0].asnumpy() for each in (module, small))
        np.testing.assert_allclose(rounded, exact, atol=0.2)
    for operator in ("look", "shift", "dcn"):
        assert operator in kinds[sym]
    assert kinds[mx.sym.contrib]["dcn"] == "_contrib_DeformableConvolution"
    assert sum("_sg_mkldnn_conv" == op for op in kinds[sym].values()) == 2


def test_amp_keeps_our_operators_in_float32():
    """As its lists keep stock's: only what runs on tensor cores becomes float16."""
    from mxnet.contrib import amp

    converted = amp.convert_symbol(network(sym), target_dtype="float16")
    nodes = json.loads(converted.tojson())["nodes"]
    custom = [node for node in nodes if node["op"] == "Custom"]
    assert len(custom) == 3
    for node in custom:
        for source in (nodes[entry[0]] for entry in node["inputs"]):
            while source["op"] not in ("amp_cast", "amp_multicast", "null"):  # a guard keeps the dtype of what it reads
                source = nodes[source["inputs"][0][0]]
            assert source["op"] == "null" or source["attrs"]["dtype"] == "float32", node["name"]


def test_copies_pickles_and_texts_are_the_same_network(tmp_path):
    symbol = network(sym)
    symbol.save(str(tmp_path / "net.json"))
    copies = [
        copy.copy(symbol), copy.deepcopy(symbol), pickle.loads(pickle.dumps(symbol)), mx.sym.load_json(symbol.tojson()),
        mx.sym.load(str(tmp_path / "net.json")),
    ]  # fmt: skip
    for each in copies:
        assert json.loads(each.tojson()) == json.loads(symbol.tojson())
        assert each.attr_dict() == symbol.attr_dict()
        assert each.infer_shape(data=(1, 3, 8, 8)) == symbol.infer_shape(data=(1, 3, 8, 8))


def test_a_nodes_attributes_are_found_by_its_name():
    ours = sym.DeformableConvolution(mx.sym.var("data"), name="n", lr_mult=2, **GRID)
    stock = mx.sym.contrib.DeformableConvolution(mx.sym.var("data"), name="n", lr_mult=2, **GRID)
    assert stock.attr_dict()["n"].items() <= ours.attr_dict()["n"].items()
    assert ours.list_attr()["__lr_mult__"] == ours.attr("lr_mult") == stock.attr("lr_mult") == "2"
    assert ours.get_internals()["n_raw"].attr("kernel") == stock.attr("kernel") == "(3, 3)"
