# SPDX-License-Identifier: Apache-2.0
"""An MXNet graph with its parameters as an ONNX model, by way of PyTorch: SymbolNet and torch.onnx.export."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import onnx
import torch

from lib.boxes.steps import STEPS
from lib.modules.operators import SymbolNet
from lib.run.module_text import read_module

OPSET = 20
AXES = {0: "batch", 2: "height", 3: "width"}


def exported(graph: str, arg: Mapping, aux: Mapping, inputs: Mapping[str, tuple[int, ...]]) -> onnx.ModelProto:
    """The network in float32, its inputs and outputs called as in the graph.

    graph: text of a -symbol.json file. arg, aux: name -> array. inputs: shapes of the inputs; batch, height and width
    stay open where the network serves any (`tell_sizes` says which).
    Raises ValueError for a network that ONNX's operators cannot express.
    """
    _expect_expressible(graph)
    arg, aux = ({name: np.asarray(value, np.float32) for name, value in each.items()} for each in (arg, aux))
    net = SymbolNet(graph, arg, aux).eval()
    # Two images: a size of 1 would be taken for a constant.
    images = tuple(torch.zeros(2, *inputs[name][1:]) for name in net.inputs)
    free = [{axis: torch.export.Dim.AUTO for axis in AXES if axis < each.dim()} for each in images]
    with _quiet():
        program = torch.onnx.export(
            _Positional(net).eval(),
            images,
            dynamo=True,
            dynamic_shapes=(tuple(free),),
            input_names=list(net.inputs),
            output_names=list(net.heads),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # what dynamo=True gives
    model = program.model_proto
    _name_sizes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def tell_sizes(value: onnx.ValueInfoProto) -> str:
    """An input or output in words: its name, and what each of its sizes may be."""
    return f"{value.name}: {' x '.join(str(size) for size in sizes(value))}"


def sizes(value: onnx.ValueInfoProto) -> list[int | str]:
    """A number for a size that is fixed, else the name of what it is or a formula for it."""
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


class _Positional(torch.nn.Module):
    """Takes the inputs in their order: the exporter orders those that are given by name as it likes."""

    def __init__(self, net: SymbolNet):
        super().__init__()
        self.net = net

    def forward(self, *tensors):
        found = self.net(**dict(zip(self.net.inputs, tensors)))
        return tuple(found) if isinstance(found, list) else found


def _expect_expressible(graph: str) -> None:
    if (module := read_module(graph)) is not None:
        raise ValueError(f"symbol: {module.module} is a torch module; this export takes MXNet's graphs")
    nodes = [each for each in json.loads(graph)["nodes"] if each["op"] == "Custom"]
    steps = [each for each in nodes if (each.get("attrs") or {}).get("op_type") in STEPS]
    if steps:
        named = ", ".join(f"{each['name']} ({each['attrs']['op_type']})" for each in steps)
        raise ValueError(f"symbol: ONNX has no operators for the steps of detection in this network: {named}")


def _name_sizes(model: onnx.ModelProto) -> None:
    """Calls the sizes of the images batch, height and width, where the exporter numbers them."""
    names = {}
    for value in model.graph.input:
        for axis, each in enumerate(value.type.tensor_type.shape.dim):
            if each.dim_param and axis in AXES:
                names[each.dim_param] = AXES[axis]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for each in value.type.tensor_type.shape.dim:
            if each.dim_param:
                each.dim_param = re.sub(r"\w+", lambda found: names.get(found[0], found[0]), each.dim_param)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells at length of packages that it does not need and of inequalities that it cannot solve."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
