# SPDX-License-Identifier: Apache-2.0
"""Graphs as MXNet saved them from 2015 to 2017, and the active convolution of the report's own build.

The report's network itself (acn-symbol.json.gz of its author's repository) is read if ACTIVE_CONVNETS_OLD_NETWORK names
the file.
"""

from __future__ import annotations

import gzip
import json
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
mx = pytest.importorskip("mxnet", reason="MXNet is not installed")

from operators.active_conv.reference import active_convolution, active_convolution_backward  # noqa: E402
from operators.for_torch.symbol_net import SymbolNet, infer_shapes  # noqa: E402
from operators.library import OperatorError  # noqa: E402

from symbol_samples import close, draw, expect_same, in_mxnet  # noqa: E402  # isort: skip


def variables(*names) -> list:
    return [{"op": "null", "name": name, "inputs": []} for name in names]


def of_2016() -> str:
    """Before 0.9: 'param' holds attributes and 'attr' hints, heads are pairs, auxiliary states are no nodes, labels may
    be left out, and nobody says a version."""
    nodes = [
        *variables("data", "conv_weight", "conv_bias"),
        {
            "op": "Convolution",
            "param": {"kernel": "(3L, 3L)", "num_filter": "4", "pad": "[1, 1]", "workspace": "512"},
            "name": "conv",
            "inputs": [[0, 0], [1, 0], [2, 0]],
            "backward_source_id": -1,
            "attr": {"ctx_group": "stage1", "weight_lr_mult": "0.5", "lr_mult": "2"},
        },
        *variables("bn_gamma", "bn_beta"),
        {
            "op": "BatchNorm",
            "param": {"fix_gamma": "False", "eps": "0.001", "momentum": "0.9", "use_global_stats": "0"},
            "name": "bn",
            "inputs": [[3, 0], [4, 0], [5, 0]],
            "backward_source_id": -1,
        },
        {"op": "_MulScalar", "param": {"scalar": "2"}, "name": "twice", "inputs": [[6, 0]], "backward_source_id": -1},
        {"op": "_Plus", "param": {}, "name": "sum", "inputs": [[7, 0], [3, 0]], "backward_source_id": -1},
        {"op": "Flatten", "param": {}, "name": "flat", "inputs": [[8, 0]], "backward_source_id": -1},
        *variables("fc_weight", "fc_bias"),
        {"op": "FullyConnected", "param": {"num_hidden": "3"}, "name": "fc", "inputs": [[9, 0], [10, 0], [11, 0]]},
        *variables("softmax_label"),
        {"op": "Softmax", "param": {"grad_scale": "1"}, "name": "softmax", "inputs": [[12, 0], [13, 0]]},
    ]
    return json.dumps({"nodes": nodes, "arg_nodes": [0, 1, 2, 4, 5, 10, 11, 13], "heads": [[14, 0]]})


def test_a_graph_of_2016():
    """MXNet still loads it, so it is the judge."""
    text = of_2016()
    symbol = mx.sym.load_json(text)
    arg, aux = draw(symbol, data=(3, 2, 5, 4))
    arg["softmax_label"] = np.array([0.0, 2, 1])
    net = SymbolNet(text, {name: each for name, each in arg.items() if name not in ("data", "softmax_label")}, aux)
    assert list(net.states) == symbol.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    out = net(data=torch.tensor(arg["data"]), softmax_label=torch.tensor(arg["softmax_label"]))
    net.backward_heads(out)
    (want,), grads, states, _ = in_mxnet(symbol, arg, aux)
    close(out.detach().numpy(), want, 1e-12, "output")
    for name, parameter in net.named_parameters():
        close(parameter.grad.numpy(), grads[name], 1e-10, name)
    for name, state in net.named_buffers():
        close(state.numpy(), states[name], 1e-12, name)
    expect_same(symbol, arg, aux)
    assert infer_shapes(text, data=(3, 2, 5, 4))["fc_weight"] == (3, 80)


def test_inputs_left_out_are_refused_in_newer_files():
    graph = json.loads(of_2016())
    graph["attrs"] = {"mxnet_version": ["int", 10000]}
    with pytest.raises(OperatorError, match=r"node 'bn' \(BatchNorm\): it takes 5 inputs .*, got 3"):
        SymbolNet(json.dumps(graph), {}, {})


GRID = {
    "kernel": "(3, 2)",
    "num_filter": "4",
    "pad": "(2, 1)",
    "dilate": "(2, 1)",
    "stride": "(1, 2)",
    "no_bias": "True",
}


def report_layer(**attributes) -> str:
    node = {"op": "_contrib_ActiveConvolution", "name": "acn", "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]}
    node["attr"] = {**GRID, "num_active_group": "1", **attributes}
    nodes = [*variables("data", "acn_offset", "acn_weight"), node]
    nodes[1]["attr"] = dict(node["attr"])  # variables carry the attributes of the node that made them
    return json.dumps({"nodes": nodes, "heads": [[3, 0, 0]], "attrs": {"mxnet_version": ["int", 905]}})


def test_the_active_convolution_of_2017():
    """Against the NumPy definition: offsets in a row, dy and dx of each tap; a point outside the map reads 0."""
    random = np.random.default_rng(0)
    data, weight = random.standard_normal((2, 3, 7, 6)), random.standard_normal((4, 3, 3, 2))
    offset = random.uniform(-3, 3, 12)
    net = SymbolNet(report_layer(num_group="1"), {"acn_offset": offset, "acn_weight": weight}, {})
    out = net(data=torch.tensor(data))
    attributes = {"kernel": (3, 2), "num_filter": 4, "pad": (2, 1), "dilate": (2, 1), "stride": (1, 2), "no_bias": True}
    inputs = {"data": data, "offset": offset.reshape(1, 1, 3, 2, 2), "weight": weight}
    attributes["boundary"] = "inside"
    close(out.detach().numpy(), active_convolution(**inputs, **attributes), 1e-12, "output")
    net.backward_heads(out)
    _, want_offset, want_weight = active_convolution_backward(np.ones(out.shape), **inputs, **attributes)
    close(net.acn_offset.grad.numpy(), want_offset.reshape(12), 1e-10, "offset")
    close(net.acn_weight.grad.numpy(), want_weight, 1e-10, "weight")


def test_its_shapes():
    shapes = infer_shapes(report_layer(), data=(2, 3, 7, 6))
    assert shapes["acn_offset"] == (12,) and shapes["acn_weight"] == (4, 3, 3, 2) and shapes["acn_output"][:2] == (2, 4)


def in_todays_words(text: str) -> str:
    """The active convolutions of the report's network as our operator; all else as it is."""
    graph = json.loads(text)
    for node in graph["nodes"]:
        if node["op"] == "_contrib_ActiveConvolution":
            kept = {key: each for key, each in node["attr"].items() if key != "num_active_group"}
            node.update(op="Custom", attr={"op_type": "ActiveConvolution", "boundary": "inside", **kept})
    return json.dumps(graph)


def test_the_reports_network():
    path = os.environ.get("ACTIVE_CONVNETS_OLD_NETWORK")
    if not path:
        pytest.skip("ACTIVE_CONVNETS_OLD_NETWORK does not name acn-symbol.json.gz")
    from operators import for_mxnet  # noqa: F401  (registers the operators)

    with gzip.open(path, "rt") as file:
        text = file.read()
    shapes = infer_shapes(text, data=(1, 3, 64, 96))
    assert shapes["res5a_branch2b_offset"] == (18,) and shapes["softmax_output"] == (1, 19, 64, 96)
    today = mx.sym.load_json(in_todays_words(text)).get_internals()["fc6_output"]  # the Crop behind has no float64
    arg, aux = draw(today, data=(1, 3, 64, 96))
    arg = {name: each * np.sqrt(2 / np.prod(each.shape[1:])) if each.ndim == 4 else each for name, each in arg.items()}
    arg["data"] = np.random.default_rng(1).standard_normal((1, 3, 64, 96))
    (want,), _, _, _ = in_mxnet(today, arg, aux, training=False)
    arg = {name: each.reshape(18) if name.endswith("_offset") else each for name, each in arg.items()}
    net = SymbolNet(text, arg, aux, outputs=["fc6_output"]).eval()
    assert net.inputs == () and want.std() > 1e-3
    close(net().detach().numpy() / want.std(), want / want.std(), 1e-9, "fc6")
