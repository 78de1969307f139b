# SPDX-License-Identifier: Apache-2.0
"""What a SymbolNet does not compute as MXNet does it refuses, naming the node, the attribute and what came."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from operators.for_torch.symbol_net import SymbolNet, infer_shapes  # noqa: E402
from operators.library import OperatorError  # noqa: E402


def graph(op: str, inputs: int = 1, output: int = 0, **attributes) -> str:
    """One node called 'node' on variables v0, v1, ..."""
    nodes = [{"op": "null", "name": f"v{i}", "inputs": []} for i in range(inputs)]
    texts = {key: str(value) for key, value in attributes.items()}
    nodes.append({"op": op, "name": "node", "attrs": texts, "inputs": [[i, 0, 0] for i in range(inputs)]})
    return text(nodes, [[inputs, output, 0]])


def text(nodes: list, heads: list) -> str:
    return json.dumps({"nodes": nodes, "heads": heads, "attrs": {"mxnet_version": ["int", 10901]}})


def refused(graph: str, match: str, *shapes) -> None:
    """At construction, or if shapes are given, in a call."""
    with pytest.raises(OperatorError, match=match) as error:
        net = SymbolNet(graph, {}, {"v3": np.zeros(3), "v4": np.ones(3)})
        net(**{name: torch.ones(shape) for name, shape in zip(net.inputs, shapes)})
    assert isinstance(error.value, ValueError)


CONV = {"kernel": (3, 3), "num_filter": 4, "no_bias": True}
ATTRIBUTES = [
    ("Convolution", 2, {**CONV, "kernel": (3,)}, r"kernel must hold two numbers \(y, x\), got \(3,\)"),
    ("Convolution", 2, {**CONV, "kernel": (3, 3, 3)}, "kernel must hold two numbers"),
    ("Convolution", 2, {**CONV, "stride": (1, 1, 1)}, "stride must hold two numbers"),
    ("Convolution", 2, {**CONV, "layout": "NHWC"}, "layout='NHWC' is not served here; served: None, 'NCHW'"),
    (
        "Convolution",
        2,
        {**CONV, "dilation": (2, 2)},
        r"no attribute dilation \(here '\(2, 2\)'\); did you mean dilate\?",
    ),
    ("Convolution", 2, {**CONV, "kernel": "(3, x)"}, r"kernel='\(3, x\)' is not a tuple of integers"),
    ("Convolution", 2, {**CONV, "no_bias": "yes"}, "no_bias='yes' is not True or False"),
    ("Convolution", 2, {**CONV, "num_filter": 2.5}, "num_filter='2.5' is not an integer"),
    ("Convolution", 2, {**CONV, "num_group": 3}, "num_filter must be a multiple of num_group, got 4 and 3"),
    ("Convolution", 2, {**CONV, "stride": (0, 1)}, "stride and dilate must be at least 1"),
    ("Convolution", 2, {"num_filter": 4, "no_bias": True}, "attribute kernel is missing"),
    ("Convolution", 2, {**CONV, "no_bias": False}, r"it takes 3 inputs \(data, weight, bias\), got 2"),
    ("Deconvolution", 2, {**CONV, "adj": (1, 0)}, "adj must be less than stride"),
    ("Pooling", 1, {"kernel": (3,)}, "kernel must hold two numbers"),
    ("Pooling", 1, {"kernel": (2, 2), "pool_type": "lp", "p_value": 2}, "pool_type='lp' is not served here"),
    ("Pooling", 1, {"kernel": (2, 2), "pooling_convention": "same"}, "pooling_convention='same' is not served"),
    ("Pooling", 1, {"kernel": (2, 2), "layout": "NHWC"}, "layout='NHWC' is not served"),
    ("Pooling", 1, {"kernel": (2, 2), "pad": (2, 2)}, r"pad=\(2, 2\) is not served here; served: at most half of"),
    ("_contrib_BilinearResize2D", 1, {"height": 4, "width": 4}, "align_corners=True is not served"),
    ("_contrib_BilinearResize2D", 1, {"mode": "odd_scale", "align_corners": False}, "mode='odd_scale' is not served"),
    ("_contrib_BilinearResize2D", 1, {"scale_height": 2, "align_corners": False}, "go together, got 2.0 and None"),
    ("BatchNorm", 5, {"axis": 3}, "axis=3 is not served here; served: 1"),
    ("BatchNorm", 5, {"output_mean_var": True}, "output_mean_var=True is not served"),
    ("Activation", 1, {"act_type": "mish"}, "act_type='mish' is not one of 'relu'"),
    ("LeakyReLU", 1, {"act_type": "rrelu"}, "act_type='rrelu' is not served"),
    ("LeakyReLU", 1, {"act_type": "selu"}, "act_type='selu' is not served"),
    ("Dropout", 1, {"p": 1.0}, "p must be at least 0 and less than 1, got 1.0"),
    ("softmax", 1, {"use_length": True}, "use_length=True is not served"),
    ("softmax", 1, {"dtype": "float16"}, "dtype='float16' is not served"),
    ("SoftmaxOutput", 2, {"out_grad": True}, "out_grad=True is not served"),
    ("SoftmaxOutput", 2, {"normalization": "all"}, "normalization='all' is not one of"),
    ("Reshape", 1, {"shape": (0, -4, 2, 2), "reverse": True}, None),
    ("Reshape", 1, {}, "attribute shape is missing"),
    ("slice", 1, {"begin": (0,), "end": (2,), "step": (-1,)}, r"step=\(-1,\) is not served here; served: positive"),
    ("slice", 1, {"begin": (0,), "end": (2, 2)}, "must be equally long"),
    ("pick", 2, {"axis": None}, "axis=None is not served"),
    ("Cast", 1, {"dtype": "complex64"}, "dtype='complex64' is not one of"),
    ("clip", 1, {"a_min": 1, "a_max": -1}, "a_min must be at most a_max"),
    ("Concat", 2, {"num_args": 3}, "num_args=3, but it has 2 inputs"),
    ("sigmoid", 2, {}, r"it takes 1 inputs \(data\), got 2"),
    ("tanh", 1, {"axis": 1}, r"no attribute axis \(here '1'\); known: none"),
    ("_contrib_ActiveConvolution", 3, {**CONV, "num_active_group": 2}, "num_active_group=2 is not served"),
    ("_contrib_DeformableConvolution", 3, {**CONV, "layout": "NCW"}, "layout='NCW' is not served"),
    ("Custom", 3, {"op_type": "ActiveConvolution", **CONV, "boundary": "far"}, "boundary.*'far'"),
    (
        "Custom",
        3,
        {"op_type": "ActiveConvolution", **CONV, "num_filters": 3},
        "no attribute num_filters.*did you mean num_filter",
    ),
]


@pytest.mark.parametrize("op, inputs, attributes, match", [each for each in ATTRIBUTES if each[3]])
def test_attributes(op, inputs, attributes, match):
    refused(graph(op, inputs, **attributes), rf"node 'node' \({op}\): .*{match}")
    with pytest.raises(OperatorError, match=match):
        infer_shapes(graph(op, inputs, **attributes), v0=(2, 3, 8, 8))


CALLS = [
    ("elemwise_add", 2, {}, [(2, 3), (1, 3)], "one shape"),
    ("_maximum", 2, {}, [(2, 3), (3,)], "one shape"),
    ("add_n", 2, {"num_args": 2}, [(2, 3), (3,)], "one shape"),
    ("Convolution", 2, CONV, [(1, 3, 8, 8), (4, 3, 5, 5)], r"must have shape \(4, 3, 3, 3\), got \(4, 3, 5, 5\)"),
    ("Convolution", 2, CONV, [(1, 3, 8, 8), (6, 3, 3, 3)], "weight must have shape"),
    ("Convolution", 2, {**CONV, "num_group": 2}, [(1, 4, 8, 8), (4, 4, 3, 3)], r"must have shape \(4, 2, 3, 3\)"),
    ("Convolution", 2, CONV, [(3, 8, 8), (4, 3, 3, 3)], r"data must have shape \(N, a multiple of num_group=1, H, W\)"),
    ("Convolution", 2, CONV, [(1, 3, 2, 2), (4, 3, 3, 3)], "Kernel size can't be greater"),
    ("FullyConnected", 2, {"num_hidden": 2, "no_bias": True}, [(1, 3), (4, 3)], r"weight must have shape \(2, 3\)"),
    ("BatchNorm", 5, {}, [(2, 3), (1,), (3,)], r"gamma must have shape \(3,\), got \(1,\)"),
    ("SoftmaxOutput", 2, {}, [(2, 3, 4), (2, 3)], "needs multi_output or preserve_shape"),
    ("SoftmaxOutput", 2, {"multi_output": True}, [(2, 3, 4), (2, 5)], r"label must have shape \(2, 4\), got \(2, 5\)"),
    ("LinearRegressionOutput", 2, {}, [(6, 1), (3, 2)], "label must have shape"),
    ("where", 3, {}, [(3, 1), (3, 2), (3, 2)], "condition that or its first number"),
    ("slice_axis", 1, {"axis": 1, "begin": 2, "end": 9}, [(2, 3)], "axis 1 has 3 entries, got begin=2 and end=9"),
    ("slice", 1, {"begin": (3,), "end": (9,)}, [(2, 3)], "leave nothing"),
    ("SliceChannel", 1, {"num_outputs": 2}, [(2, 3)], "3 channels cannot be split into 2"),
    ("Reshape", 1, {"shape": (0, 4)}, [(2, 3)], r"data of shape \(2, 3\) cannot have shape=\(0, 4\)"),
    ("Reshape", 1, {"shape": (-1, -1)}, [(2, 3)], "cannot have shape"),
    ("Reshape", 1, {"shape": (0, 0, 0)}, [(2, 3)], "uses more sizes than data"),
    ("Reshape", 1, {"shape": (0, -4, 2, 2)}, [(2, 3)], "3 cannot be split into 2 and 2"),
    ("Reshape", 1, {"shape": (2, -4, 1), "reverse": True}, [(2, 3)], "with reverse=True is not served"),
    ("Crop", 2, {"num_args": 2, "offset": (7, 0)}, [(1, 1, 8, 8), (1, 1, 2, 2)], "is not inside data"),
    ("Crop", 1, {"num_args": 1, "h_w": (9, 2)}, [(1, 1, 8, 8)], "is not inside data"),
    ("_contrib_BilinearResize2D", 1, {"scale_height": 0.2, "scale_width": 1, "align_corners": False}, [(1, 1, 4, 9)],
     r"data of shape \(1, 1, 4, 9\) would become 0 x 9"),
    ("SoftmaxActivation", 1, {}, [(2, 3, 4)], "mode=instance is served for data of shape"),
    ("sum", 1, {"axis": 2}, [(2, 3)], r"axis=\(2,\) does not suit data of 2 dimensions"),
    ("Pooling", 1, {"kernel": (3, 2), "stride": (2, 2), "pad": (1, 1), "pooling_convention": "full"}, [(1, 1, 8, 7)],
     "windows that hold padding alone"),
    ("Custom", 2, {"op_type": "Shift"}, [(1, 3, 4, 4), (2, 2)], "offset"),
    ("_contrib_ActiveConvolution", 3, CONV, [(1, 3, 8, 8), (1, 1, 3, 3, 2), (4, 3, 3, 3)],
     r"offset must have shape \(18,\)"),
]  # fmt: skip


@pytest.mark.parametrize("op, inputs, attributes, shapes, match", CALLS)
def test_shapes(op, inputs, attributes, shapes, match):
    refused(graph(op, inputs, **attributes), rf"node 'node' \({op}\): .*{match}", *shapes)
    names = {f"v{i}": shape for i, shape in enumerate(shapes)}
    with pytest.raises(OperatorError, match=match):
        infer_shapes(graph(op, inputs, **attributes), **names)


def test_harmless_attributes_pass():
    hints = {"__lr_mult__": "0.1", "__init__": "zeros", "ctx_group": "a", "weight_lr_mult": 2}
    speed = {"workspace": 4096, "cudnn_tune": "off", "cudnn_off": True}
    net = SymbolNet(graph("Convolution", 2, **CONV, **speed, **hints), {}, {})
    assert net(v0=torch.ones(1, 2, 3, 3), v1=torch.ones(4, 2, 3, 3)).flatten().tolist() == [18.0] * 4


VARIABLE = {"op": "null", "name": "v", "inputs": []}
GRAPHS = {
    "is not JSON": "net.json",
    "has no list 'nodes'": '{"heads": [[0, 0, 0]]}',
    "has no list 'heads'": json.dumps({"nodes": [VARIABLE], "heads": []}),
    "several variables have one name: v": text([VARIABLE, VARIABLE], [[0, 0, 0]]),
    "must have a name, an op and a list of inputs": text([{"op": "relu", "inputs": []}], [[0, 0, 0]]),
    r"node 'a' \(relu\) reads node 1, which does not stand before it": text(
        [{"op": "relu", "name": "a", "inputs": [[1, 0, 0]]}, {"op": "relu", "name": "b", "inputs": [[0, 0, 0]]}],
        [[1, 0, 0]],
    ),
    "head 0 reads node 7": text([VARIABLE], [[7, 0, 0]]),
    r"an input must be \[node, output, version\], got 'v'": text(
        [VARIABLE, {"op": "relu", "name": "a", "inputs": ["v"]}], [[1, 0, 0]]
    ),
    "node 'b' reads output 1 of 'a', which has 1": text(
        [
            VARIABLE,
            {"op": "relu", "name": "a", "inputs": [[0, 0, 0]]},
            {"op": "relu", "name": "b", "inputs": [[1, 1, 0]]},
        ],
        [[2, 0, 0]],
    ),
    "a head reads output 3 of 'node', which has 2": graph("SliceChannel", 1, output=3, num_outputs=2),
    "'subgraphs' is not served": text([{"op": "_foreach", "name": "f", "inputs": [], "subgraphs": [{}]}], [[0, 0, 0]]),
    r"not served here: node \(LRN\)": graph("LRN", 1, nsize=3),
    r"not served here: node \(Custom, op_type=of_another\)": graph("Custom", 1, op_type="of_another"),
}


@pytest.mark.parametrize("match", GRAPHS)
def test_graphs(match):
    refused(GRAPHS[match], match)
    with pytest.raises(OperatorError, match=match):
        infer_shapes(GRAPHS[match])


def test_names_that_pytorch_cannot_hold():
    for name in ("stage.weight", "training"):
        nodes = [{"op": "null", "name": name, "inputs": []}, {"op": "relu", "name": "a", "inputs": [[0, 0, 0]]}]
        with pytest.raises(OperatorError, match="PyTorch cannot hold this name"):
            SymbolNet(text(nodes, [[1, 0, 0]]), {name: np.ones(2)}, {})


def test_parameters_of_whole_numbers():
    with pytest.raises(OperatorError, match="'v0' must hold floating-point numbers, got torch.int64"):
        SymbolNet(graph("relu"), {"v0": np.ones(2, np.int64)}, {})


def test_inputs_of_a_call():
    net = SymbolNet(graph("elemwise_add", 2), {"v1": np.ones(2, np.float32)}, {})
    with pytest.raises(
        OperatorError, match="'v0' is neither an input of this call nor a parameter; inputs given: none"
    ):
        net()
    with pytest.raises(OperatorError, match="input 'v1' is a parameter; the inputs are v0"):
        net(v0=torch.ones(2), v1=torch.ones(2))
    with pytest.raises(OperatorError, match="input 'image' is not in the graph; the inputs are v0"):
        net(v0=torch.ones(2), image=torch.ones(2))


def test_shapes_that_do_not_follow():
    with pytest.raises(OperatorError, match="the shapes of v1 do not follow from those given"):
        infer_shapes(graph("broadcast_add", 2), v0=(2, 3))
    with pytest.raises(OperatorError, match="the graph has no variable image"):
        infer_shapes(graph("relu", 1), image=(2, 3))
    with pytest.raises(OperatorError, match=r"weight must have shape \(4, 3, 3, 3\), got \(4, 3, 5, 5\)"):
        infer_shapes(graph("Convolution", 2, **CONV), v0=(1, 3, 8, 8), v1=(4, 3, 5, 5))
