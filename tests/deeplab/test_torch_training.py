# SPDX-License-Identifier: Apache-2.0
"""A DeepLab's training step, loss and all gradients, is the same in PyTorch as in MXNet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from deeplab import symbols  # noqa: E402
from deeplab.schema import load  # noqa: E402
from operators.for_torch.symbol_net import SymbolNet, infer_shapes  # noqa: E402

import mxnet as mx  # noqa: E402  # isort: skip

CONFIGS = Path(__file__).resolve().parents[2] / "experiments" / "deeplab" / "cfgs"
SHAPES = {"data": (2, 3, 64, 96), "label": (2, 64, 96)}
VARIANTS = {
    "plain": ("quick_plain", []),
    "dcn": ("quick_dcn", []),
    "modulated": ("quick_modulated", []),
    "acn": ("quick_acn", []),
    "acn normalized": ("quick_acn", ["net.normalize_grad=true", "net.offset_lr_rate=0.05"]),
    "stored statistics": ("quick_dcn", ["net.train_bn=false"]),
}


def training_graph(config: str, settings: list):
    return symbols.get_symbol(load(CONFIGS / f"{config}.yaml", ["gpus=", *settings]), is_train=True)


def without_crop(symbol):
    """MXNet's Crop has no float64: a slice in its place."""
    graph = json.loads(symbol.tojson())
    for node in graph["nodes"]:
        if node["op"] == "Crop":
            y, x = json.loads(node["attrs"]["offset"].replace("(", "[").replace(")", "]"))
            height, width = SHAPES["data"][2:]
            ends = {"begin": f"(None, None, {y}, {x})", "end": f"(None, None, {y + height}, {x + width})"}
            node.update(op="slice", attrs=ends, inputs=node["inputs"][:1])
    return mx.sym.load_json(json.dumps(graph))


def values(symbol) -> tuple:
    """Inputs, parameters and auxiliary states in which every layer says something; offsets off the lattice."""
    random = np.random.default_rng(0)
    arg_shapes, _, aux_shapes = symbol.infer_shape(**SHAPES)
    arg = {}
    for name, shape in zip(symbol.list_arguments(), arg_shapes):
        fan_in = np.prod(shape[1:]) if len(shape) == 4 else 1
        arg[name] = random.standard_normal(shape) * np.sqrt(2 / fan_in)
        if name.endswith("gamma"):
            arg[name] = random.uniform(0.5, 1.0, shape)
        elif name.endswith("_offset_weight"):
            arg[name] *= 0.5
    arg["label"] = random.choice([*range(5), 255], SHAPES["label"]).astype(float)
    aux = {name: random.uniform(0.5, 1.5, s) for name, s in zip(symbol.list_auxiliary_states(), aux_shapes)}
    return arg, aux


def in_mxnet(symbol, arg, aux) -> tuple:
    arrays = {name: mx.nd.array(each, dtype="float64") for name, each in arg.items()}
    states = {name: mx.nd.array(each, dtype="float64") for name, each in aux.items()}
    grads = {name: mx.nd.zeros(each.shape, dtype="float64") for name, each in arg.items() if name not in SHAPES}
    executor = symbol.bind(
        mx.cpu(), arrays, grads, {name: "write" if name in grads else "null" for name in arg}, states
    )
    (out,) = executor.forward(is_train=True)
    executor.backward()
    return out.asnumpy(), {n: g.asnumpy() for n, g in grads.items()}, {n: s.asnumpy() for n, s in states.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_is_the_same(variant):
    symbol = without_crop(training_graph(*VARIANTS[variant]))
    arg, aux = values(symbol)
    want, grads, states = in_mxnet(symbol, arg, aux)
    net = SymbolNet(symbol.tojson(), {name: each for name, each in arg.items() if name not in SHAPES}, aux)
    out = net(data=torch.tensor(arg["data"]), label=torch.tensor(arg["label"]))
    net.backward_heads(out)
    assert want.std() > 0.01
    assert np.abs(out.detach().numpy() - want).max() < 1e-10
    assert set(net.arguments) == set(grads)
    for name, parameter in net.named_parameters():
        size = np.abs(grads[name]).max()
        assert size > 0, name
        assert np.abs(parameter.grad.numpy() - grads[name]).max() < 1e-9 * size, name
    moved = [name for name, state in net.named_buffers() if not np.array_equal(state.numpy(), aux[name])]
    assert bool(moved) == (variant != "stored statistics")
    for name, state in net.named_buffers():
        assert np.abs(state.numpy() - states[name]).max() < 1e-12, name


@pytest.mark.parametrize("network", ["", "_dcn", "_modulated", "_acn"])
@pytest.mark.parametrize("is_train", [True, False])
def test_shapes_of_the_published_networks(network, is_train):
    settings = ["gpus=", f"symbol=resnet_v1_101_deeplab{network}"]
    config = load(CONFIGS / "deeplab_resnet_v1_101_cityscapes_segmentation_base.yaml", settings)
    symbol = symbols.get_symbol(config, is_train=is_train)
    found = infer_shapes(symbol.tojson(), data=(1, 3, 130, 200))
    internals = symbol.get_internals()
    arg_shapes, out_shapes, aux_shapes = internals.infer_shape(data=(1, 3, 130, 200))
    want = dict(zip(internals.list_arguments(), arg_shapes))
    want.update(zip(internals.list_outputs(), out_shapes))
    want.update(zip(internals.list_auxiliary_states(), aux_shapes))
    assert found == want
