# SPDX-License-Identifier: Apache-2.0
"""Names, outputs and inputs of a SymbolNet; what it computes and holds for the outputs that are asked for."""

from __future__ import annotations

import json
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.for_mxnet import sym  # noqa: E402
from operators.for_torch.symbol_net import SymbolNet, infer_shapes  # noqa: E402
from operators.for_torch.symbols import operator as operator_table  # noqa: E402
from operators.for_torch.symbols import program  # noqa: E402
from operators.for_torch.symbols.attributes import double  # noqa: E402
from operators.library import OperatorError  # noqa: E402

from symbol_samples import draw  # noqa: E402  # isort: skip

DATA = mx.sym.var("data")
SHAPES = {"data": (2, 4, 6, 5), "label": (2, 30)}


def network():
    """Two heads; a node with several outputs; an operator of ours in its guard; a label behind a node."""
    x = mx.sym.Convolution(DATA, num_filter=6, kernel=(3, 3), pad=(1, 1), name="conv")
    x = mx.sym.BatchNorm(x, name="bn", fix_gamma=False)
    parts = mx.sym.SliceChannel(x, num_outputs=2, name="parts")
    y = sym.Shift(data=parts[0], name="shift") + parts[1]
    loss = mx.sym.SoftmaxOutput(y, mx.sym.var("label") * 1, name="loss", multi_output=True)
    return mx.sym.Group([loss, mx.sym.BlockGrad(parts[1], name="kept")])


@pytest.fixture
def saved():
    symbol = network()
    arg, aux = draw(symbol, **SHAPES)
    arg["label"] = np.zeros(SHAPES["label"])
    return symbol, arg, aux


def parameters(arg) -> dict:
    return {name: each for name, each in arg.items() if name not in SHAPES}


def inputs(arg, *names) -> dict:
    return {name: torch.tensor(arg[name]) for name in names}


def test_names(saved):
    symbol, arg, aux = saved
    net = SymbolNet(symbol.tojson(), parameters(arg), aux)
    assert net.heads == net.outputs == tuple(symbol.list_outputs()) == ("loss_output", "kept_output")
    assert net.inputs == ("data", "label") and net.labels == ("label",)
    assert [*net.inputs[:1], *net.arguments, *net.inputs[1:]] == symbol.list_arguments()
    assert list(net.states) == symbol.list_auxiliary_states()
    assert set(net.state_dict()) == {*net.arguments, *net.states}
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_every_internal_output_is_mxnets(saved):
    symbol, arg, aux = saved
    names = [name for name in symbol.get_internals().list_outputs() if name != "label"]
    theirs = mx.sym.Group([symbol.get_internals()[name] for name in names])
    arrays = {name: mx.nd.array(each, dtype="float64") for name, each in {**arg, **aux}.items()}
    states = {name: arrays.pop(name) for name in aux}
    want = theirs.bind(mx.cpu(), {name: arrays[name] for name in theirs.list_arguments()}, aux_states=states).forward()
    net = SymbolNet(symbol.tojson(), parameters(arg), aux, outputs=names).eval()
    got = net(**inputs(arg, "data", "label"))
    assert net.outputs == tuple(names) and len(got) == len(want) == len(names)
    for name, ours, array in zip(names, got, want):
        np.testing.assert_allclose(ours.detach().numpy(), array.asnumpy(), rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("output", ["parts_output1", "conv_output", "data", "shift_output", "shift_raw"])
def test_one_output_is_a_tensor(saved, output):
    symbol, arg, aux = saved
    net = SymbolNet(symbol.tojson(), parameters(arg), aux, outputs=output).eval()
    (want,) = SymbolNet(symbol.tojson(), parameters(arg), aux, outputs=[output, "label"]).eval()(
        **inputs(arg, "data", "label")
    )[:1]
    assert torch.equal(net(**inputs(arg, "data")), want)


def noting(run: list):
    """Notes the names of the nodes that are run."""

    def checked(bound, function):
        def noted(*tensors):
            run.append(bound.node.name)
            return function(*tensors)

        return noted

    return checked


def test_another_custom_operator(monkeypatch):
    """As docs/pytorch.md says: a function and a line."""
    monkeypatch.setattr(operator_table, "OPERATORS", dict(operator_table.OPERATORS))

    @operator_table.operator("Custom scaled", "data", {"factor": double()})
    def scaled(a):
        return lambda data: data * a.factor

    nodes = [{"op": "null", "name": "data", "inputs": []}]
    texts = {"op_type": "scaled", "factor": "2.5"}
    nodes.append({"op": "Custom", "name": "node", "attrs": texts, "inputs": [[0, 0, 0]]})
    graph = json.dumps({"nodes": nodes, "heads": [[1, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}})
    net = SymbolNet(graph, {}, {})
    assert net(data=torch.ones(2)).tolist() == [2.5, 2.5]


def test_only_what_the_outputs_need_is_held_and_computed(saved, monkeypatch):
    symbol, arg, aux = saved
    run = []
    monkeypatch.setattr(program, "checked", noting(run))
    net = SymbolNet(symbol.tojson(), parameters(arg), aux, outputs=["conv_output"])
    assert set(net.state_dict()) == {"conv_weight", "conv_bias"} and net.inputs == ("data",)
    net(**inputs(arg, "data", "label"))  # what another output would need may be given
    assert run == ["conv"]


def test_nodes_that_change_nothing_are_not_run(saved, monkeypatch):
    symbol, arg, aux = saved
    run = []
    monkeypatch.setattr(program, "checked", noting(run))
    net = SymbolNet(symbol.tojson(), parameters(arg), aux)
    net(**inputs(arg, "data", "label"))
    assert not any("guard" in name for name in run)
    assert run.count("shift") == 1  # the guard behind it has its name


def test_a_label_may_be_left_out_in_eval_only(saved):
    symbol, arg, aux = saved
    net = SymbolNet(symbol.tojson(), parameters(arg), aux).eval()
    full, without = net(**inputs(arg, "data", "label")), net(**inputs(arg, "data"))
    assert all(torch.equal(*pair) for pair in zip(full, without))
    with pytest.raises(OperatorError, match="'label' is neither an input of this call nor a parameter"):
        net.train()(**inputs(arg, "data"))
    with pytest.raises(OperatorError, match="'data' is neither"):
        net.eval()(**inputs(arg, "label"))


def test_a_wrong_output_is_named_with_its_neighbours(saved):
    symbol, arg, aux = saved
    with pytest.raises(OperatorError, match="has no output 'conv'; the nearest are .*conv_output"):
        SymbolNet(symbol.tojson(), parameters(arg), aux, outputs=["conv"])
    x = mx.sym.Group([mx.sym.relu(DATA, name="twice"), mx.sym.tanh(DATA, name="twice")])
    with pytest.raises(OperatorError, match="several outputs 'twice_output'"):
        SymbolNet(x.tojson(), {}, {}, outputs=["twice_output"])


def test_an_operator_that_is_not_served_hinders_only_those_who_need_it():
    x = mx.sym.relu(DATA, name="x")
    graph = mx.sym.LRN(x, nsize=3, name="lrn").tojson()
    assert SymbolNet(graph, {}, {}, outputs=["x_output"])(data=torch.tensor([-1.0, 2])).tolist() == [0, 2]
    with pytest.raises(OperatorError, match=r"not served here: lrn \(LRN\)"):
        SymbolNet(graph, {}, {}, outputs=["lrn_output"])


def test_memory_of_what_is_done_with_goes():
    """In a chain without gradients only what is read next lives."""
    x, living = DATA, []
    for i in range(9):
        x = mx.sym.tanh(x, name=f"t{i}")
    net = SymbolNet(x.tojson(), {}, {}).eval()
    values: list = []
    data = torch.ones(2)
    with torch.no_grad(), Watch(values, living):
        net(data=data)
    assert len(living) == 9 and max(living) <= 2


class Watch(torch.overrides.TorchFunctionMode):
    """Counts the results that live whenever a new one is made."""

    def __init__(self, values: list, living: list):
        super().__init__()
        self._values, self._living = values, living

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function is torch.tanh:
            self._values.append(weakref.ref(out))
            self._living.append(sum(value() is not None for value in self._values))
        return out


def test_shapes_of_everything(saved):
    symbol, _, _ = saved
    internals = symbol.get_internals()
    arg, out, aux = internals.infer_shape(data=SHAPES["data"])
    want = dict(zip(internals.list_arguments(), arg))
    want.update(zip(internals.list_outputs(), out))
    want.update(zip(internals.list_auxiliary_states(), aux))
    assert infer_shapes(symbol.tojson(), data=SHAPES["data"]) == want


def test_a_shape_that_the_graph_says():
    x = DATA + mx.sym.var("other", shape=(2, 3))
    assert infer_shapes(x.tojson()) == {"data": (2, 3), "other": (2, 3), x.list_outputs()[0]: (2, 3)}
