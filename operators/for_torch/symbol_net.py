# SPDX-License-Identifier: Apache-2.0
"""Runs and trains in PyTorch a network that MXNet saved (prefix-symbol.json, prefix-0001.params). Needs no MXNet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from operators.for_torch.symbols.graph import read
from operators.for_torch.symbols.network import Network
from operators.for_torch.symbols.program import Program
from operators.for_torch.symbols.shapes import infer_shapes
from operators.library import OperatorError

__all__ = ["SymbolNet", "infer_shapes"]


class SymbolNet(nn.Module):
    """An MXNet Symbol as a module; its parameters and buffers have MXNet's names.

    Parameters
    ----------
    graph : the text of a -symbol.json file, of any MXNet since 2015
    arg, aux : name -> NumPy array, the arguments and auxiliary states of a .params file (deeplab.core.params.load).
        Those that the outputs do not need are ignored.
    outputs : names of the outputs wanted, as get_internals().list_outputs() has them: "res5a_relu_output", "data" for a
        variable, "slice_output0". Default: the graph's heads. What they do not need is neither held nor computed.

    Attributes
    ----------
    arguments, states : names of the parameters and buffers, in the graph's order
    inputs : names of the variables that a call must give
    labels : those of them that only the gradient of a loss reads; a call in eval() may leave them out
    outputs, heads : names of what a call gives, and of the graph's own heads

    Call it with the inputs by name, `net(data=images, label=labels)`. Gives a tensor, or a list if there are several
    outputs. Values and gradients are MXNet 1.9.1's: a loss passes on its own gradient, whatever comes from above, so
    `net.backward_heads(outputs)` is MXNet's backward pass. In train() BatchNorm normalizes by the batch, moves its
    statistics in the backward pass and sets a fixed gamma to 1, and Dropout drops, with PyTorch's random numbers.

    Every attribute of every node is honoured. Raises OperatorError, naming node, attribute and value, for what is not
    computed as MXNet computes it, and for a graph, a parameter or an input that is wrong or missing.
    """

    def __init__(self, graph: str, arg: Mapping, aux: Mapping, outputs=None):
        super().__init__()
        network = self._network = Network(read(graph))
        self.heads = tuple(network.name(entry) for entry in network.heads)
        self.outputs = self.heads if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs)
        self._targets = network.heads if outputs is None else [network.find(name) for name in self.outputs]
        nodes = [network.nodes[number] for number in network.needed(self._targets)]
        states = {network.nodes[i].node.name for i in _states(network, nodes)}
        names = [each.node.name for each in nodes if each.node.is_variable]
        self.states = tuple(name for name in names if name in states)
        self.arguments = tuple(name for name in names if name in arg and name not in states)
        self.inputs = tuple(name for name in names if name not in arg and name not in states)
        self._hold(arg, aux)
        without = frozenset(self.inputs)
        firm = {network.nodes[i].node.name for i in network.needed(self._targets, False, without)}
        self.labels = tuple(name for name in self.inputs if name not in firm)
        self._free = network.variables.keys() - {*self.arguments, *self.states}  # what a call may give
        self._programs: dict = {}
        self._program(frozenset())  # finds attributes that do not go together

    def _hold(self, arg, aux) -> None:
        missing = [name for name in self.states if name not in aux]
        if missing:
            raise OperatorError(f"SymbolNet: auxiliary states are missing: {', '.join(missing)}")
        try:
            for name in self.arguments:
                self.register_parameter(name, nn.Parameter(_tensor(name, arg[name])))
            for name in self.states:
                self.register_buffer(name, _tensor(name, aux[name]))
        except KeyError as error:  # a dot, or the name of one of the module's own attributes
            raise OperatorError(f"SymbolNet: PyTorch cannot hold this name: {error}") from None

    def forward(self, /, **inputs):
        absent = frozenset(name for name in self.labels if name not in inputs)
        program = self._program(absent)
        if (self.training and absent) or not inputs.keys() <= self._free:
            self._refuse(inputs)
        held, states = self._parameters, self._buffers

        def load(name):
            value: torch.Tensor | None = held.get(name)
            if value is None:
                value = states.get(name)
            return self._given(name, inputs) if value is None else value

        values = program(load)
        return values[0] if len(values) == 1 else values

    def to(self, *args, memory_format=None, **kwargs):
        """As torch.nn.Module.to; a memory format is that of the weights (offsets have five axes)."""
        super().to(*args, **kwargs)
        for tensor in [*self.parameters(), *self.buffers()] if memory_format is not None else ():
            if tensor.dim() == 4:
                tensor.data = tensor.data.to(memory_format=memory_format)
        return self

    def _program(self, absent: frozenset) -> Program:
        key = (self.training, absent)
        if key not in self._programs:
            self._programs[key] = Program(self._network, self._targets, self.training, absent)
        return self._programs[key]

    def _given(self, name, inputs):
        if name not in inputs:
            self._refuse(inputs)
        return inputs[name]

    def _refuse(self, inputs):
        came = f"inputs given: {', '.join(inputs) or 'none'}"
        for name in self.inputs:
            if name not in inputs and (self.training or name not in self.labels):
                raise OperatorError(f"SymbolNet: '{name}' is neither an input of this call nor a parameter; {came}")
        for name in inputs.keys() - self._free:
            what = "is a parameter" if name in self._network.variables else "is not in the graph"
            raise OperatorError(f"SymbolNet: input '{name}' {what}; the inputs are {', '.join(self.inputs)}")

    def backward_heads(self, outputs) -> None:
        """The backward pass of all outputs of a call, each with a gradient of ones, as MXNet's autograd.backward.

        Every parameter that wants a gradient gets one: zeros where no way leads to it, as in MXNet.
        """
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
        outputs = [each for each in outputs if each.requires_grad]
        if outputs:
            torch.autograd.backward(outputs, [torch.ones_like(each) for each in outputs])
        for parameter in self.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


def _tensor(name: str, values) -> torch.Tensor:
    tensor = torch.tensor(np.asarray(values))
    if not tensor.is_floating_point():
        raise OperatorError(f"SymbolNet: '{name}' must hold floating-point numbers, got {tensor.dtype}")
    return tensor


def _states(network: Network, nodes) -> set:
    """Numbers of the variables that nodes take as auxiliary states."""
    return {
        network.source(entry, True)[0]
        for bound in nodes
        if bound.operator is not None
        for name, entry in zip(bound.names, bound.node.inputs)
        if name in bound.operator.states
    }
