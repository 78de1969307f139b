# SPDX-License-Identifier: Apache-2.0
"""The shape of everything in a graph, found on PyTorch's meta device: nothing is computed and nothing allocated."""

from __future__ import annotations

import ast

import torch

from operators.for_torch.symbols.graph import read
from operators.for_torch.symbols.network import Bound, Network
from operators.for_torch.symbols.program import expect_shapes
from operators.library import OperatorError


def infer_shapes(graph: str, /, **input_shapes) -> dict:
    """Name -> shape of every argument, auxiliary state and output of a graph, by the names that MXNet's
    get_internals().list_outputs() gives them.

    graph : the text of a -symbol.json file
    input_shapes : of the inputs; shapes of parameters and labels are found from them, from the attributes, and from
        what the graph itself says of its variables (`__shape__`).

    Raises OperatorError for a shape that does not fit, naming the node, or that cannot be found, naming the variables.
    """
    network = Network(read(graph))
    unknown = [name for name in input_shapes if name not in network.variables]
    if unknown:
        raise OperatorError(f"infer_shapes: the graph has no variable {', '.join(unknown)}")
    network.needed([(i, 0) for i in range(len(network.nodes))])
    shapes = _Shapes(network, input_shapes)
    shapes.spread()
    missing = [name for name, number in network.variables.items() if (number, 0) not in shapes.known]
    if missing:
        raise OperatorError(f"infer_shapes: the shapes of {', '.join(missing)} do not follow from those given")
    return {name: shapes.known[i, j] for i, bound in enumerate(network.nodes) for j, name in enumerate(bound.outputs)}


class _Shapes:
    def __init__(self, network: Network, given: dict):
        self._network = network
        self.known: dict = {}  # entry -> shape
        self._computed: set = set()  # numbers of nodes
        nodes = enumerate(network.nodes)
        self._functions = {i: bound.function(training=False) for i, bound in nodes if not bound.node.is_variable}
        for name, number in network.variables.items():
            shape = given.get(name) or _said(network.nodes[number])
            if shape:
                self.known[number, 0] = tuple(shape)

    def spread(self) -> None:
        """Until nothing new is found."""
        before = -1
        while len(self.known) > before:
            before = len(self.known)
            for number, bound in enumerate(self._network.nodes):
                if not bound.node.is_variable:
                    try:
                        self._node(number, bound)
                    except (OperatorError, RuntimeError, IndexError, ValueError) as error:
                        if str(error).startswith("SymbolNet"):
                            raise
                        raise bound.node.error(str(error)) from error

    def _node(self, number: int, bound: Bound) -> None:
        entries = bound.node.inputs
        shapes = [self.known.get(entry) for entry in entries]
        if bound.does.same:
            self._alike([*entries, (number, 0)])
        elif shapes[0] is not None:
            for name, shape in bound.expected(shapes).items():
                self.known.setdefault(entries[bound.names.index(name)], shape)
        shapes = [self.known.get(entry) for entry in entries]
        if None not in shapes and number not in self._computed:
            self._computed.add(number)
            if bound.does.shapes is not None:
                expect_shapes(bound, shapes)
            self._compute(number, bound, shapes)

    def _alike(self, entries) -> None:
        shapes = {self.known[entry] for entry in entries if entry in self.known}
        if len(shapes) > 1:
            raise OperatorError(f"its inputs and output must have one shape, got {sorted(shapes)}")
        for entry in entries if shapes else ():
            self.known[entry] = next(iter(shapes))

    def _compute(self, number: int, bound: Bound, shapes) -> None:
        with torch.no_grad():
            out = self._functions[number](*[torch.empty(shape, device="meta") for shape in shapes])
        for i, each in enumerate(out if isinstance(out, tuple) else (out,)):
            self.known[number, i] = tuple(each.shape)


def _said(bound: Bound):
    """The shape that a variable carries, if all of it is known."""
    text = bound.node.hints.get("__shape__")
    shape = ast.literal_eval(text) if text else ()
    return shape if all(size > 0 for size in shape) else ()
