# SPDX-License-Identifier: Apache-2.0
"""Runs a network that MXNet saved (prefix-symbol.json, prefix-0001.params) in PyTorch. Needs no MXNet."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping

import torch
from torch import nn

from operators.for_torch.symbol_operators import OPERATORS
from operators.library import OperatorError


class SymbolNet(nn.Module):
    """An MXNet Symbol as a module; its parameters and buffers have MXNet's names.

    Parameters
    ----------
    graph : the text of a -symbol.json file
    arg, aux : name -> NumPy array, the arguments and auxiliary states of a .params file (deeplab.core.params.load, or
        mxnet.nd.load). Those that the graph does not read are ignored.

    Call it with the graph's other inputs by name, `net(data=images)`; a label that only SoftmaxOutput reads may be left
    out. Gives the first output. BatchNorm uses its stored statistics in eval() and wherever the graph says so.
    Raises OperatorError for an operator it does not know, naming the node, or a missing parameter.
    """

    def __init__(self, graph: str, arg: Mapping, aux: Mapping):
        super().__init__()
        content = json.loads(graph)
        self._nodes = [_Node(node) for node in content["nodes"]]
        self._head = content["heads"][0][0]
        unknown = sorted(
            {f"{n.name} ({n.operator})" for n in self._nodes if n.function is None and n.operator != "null"}
        )
        if unknown:
            raise OperatorError(f"SymbolNet: operators that are not served here: {', '.join(unknown)}")
        variables = [node.name for node in self._nodes if node.operator == "null"]
        for name in variables:
            if name in arg:
                self.register_parameter(name, nn.Parameter(torch.tensor(arg[name])))
            elif name in aux:
                self.register_buffer(name, torch.tensor(aux[name]))
        self.inputs = tuple(name for name in variables if name not in arg and name not in aux)

    def forward(self, **inputs):
        values: dict = {}
        for number in self._order():
            node = self._nodes[number]
            if node.operator == "null":
                values[number] = self._variable(node.name, inputs)
            else:
                given = [values[i] for i in node.inputs if i in values]
                values[number] = node.function(node.attributes, self.training, *given)
        return values[self._head]

    def _variable(self, name, inputs):
        if name in self._parameters or name in self._buffers:
            return getattr(self, name)
        if name not in inputs:
            raise OperatorError(f"SymbolNet: '{name}' is neither an input of this call nor a parameter; inputs given: "
                                f"{', '.join(inputs) or 'none'}")  # fmt: skip
        return inputs[name]

    def _order(self) -> list:
        """Numbers of the nodes that the head needs, in order; labels are not needed."""
        needed, waiting = set(), [self._head]
        while waiting:
            number = waiting.pop()
            if number in needed:
                continue
            needed.add(number)
            node = self._nodes[number]
            waiting += node.inputs[:1] if node.operator == "SoftmaxOutput" else node.inputs
        return sorted(needed)


class _Node:
    def __init__(self, node: dict):
        self.operator, self.name = node["op"], node["name"]
        self.function = OPERATORS.get(node["op"])
        self.inputs = [entry[0] for entry in node["inputs"]]
        # 'attrs' since MXNet 1.0; 'param' and 'attr' in the files of 2016 and 2017
        texts = {**node.get("param", {}), **node.get("attr", {}), **node.get("attrs", {})}
        self.attributes = {key: _value(text) for key, text in texts.items()}


def _value(text: str):
    """'(3, 3)', 'True', '1e-05', 'inf' and 'relu' as Python has them."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    try:
        return float(text)
    except ValueError:
        return text
