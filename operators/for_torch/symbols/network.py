# SPDX-License-Identifier: Apache-2.0
"""A graph whose nodes have found their operators, and the names of everything in it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from types import SimpleNamespace

from operators.for_torch.symbols import (
    arrays,
    batch_norm,
    correlation,
    elementwise,
    layers,
    losses,
    ours,
    pooling,
    reductions,
    resize,
)
from operators.for_torch.symbols.attributes import read_all
from operators.for_torch.symbols.graph import VARIABLE, Graph, Node
from operators.for_torch.symbols.operator import Operator, find
from operators.library import OperatorError

# Importing them fills the table of operators.
SERVED_BY = (arrays, batch_norm, correlation, elementwise, layers, losses, ours, pooling, reductions, resize)


@dataclass(frozen=True)
class Bound:
    """A node and its operator; a variable has none.

    names : of the inputs, in order
    outputs : names, as MXNet's list_outputs has them
    """

    node: Node
    operator: Operator | None
    attributes: SimpleNamespace | None
    names: tuple
    outputs: tuple

    @property
    def does(self) -> Operator:
        """The operator, of a node that is no variable."""
        assert self.operator is not None, self.node.name
        return self.operator

    def in_mode(self, training: bool) -> SimpleNamespace:
        return SimpleNamespace(**vars(self.attributes), training=training, node=self.node)

    def keeps(self, training: bool) -> bool:
        """Whether the node gives back its first input as it is."""
        return (
            self.operator is not None
            and self.operator.keeps is not None
            and self.operator.keeps(self.in_mode(training))
        )

    def function(self, training: bool):
        """f(*tensors). Raises OperatorError for attributes that do not go together."""
        try:
            return self.does.build(self.in_mode(training))
        except OperatorError as error:
            raise self.node.error(str(error)) from None

    def expected(self, shapes) -> dict:
        """{input: shape} that the known ones demand. shapes: of the inputs in order, None if unknown; first known."""
        if self.does.shapes is None:
            return {}
        found = self.does.shapes(self.attributes, dict(zip(self.names, shapes)))
        return {name: shape for name, shape in found.items() if name in self.names}


class Network:
    """nodes: Bound, every one after its inputs. heads: entries. variables: name -> number of its node."""

    def __init__(self, graph: Graph):
        self.nodes: list = []
        self._number: list = []  # of each node of the graph, where old files get more
        for node in graph.nodes:
            self._add(node, graph.old)
        self.heads = [self._entry(entry, "a head") for entry in graph.heads]
        self.variables = {each.node.name: i for i, each in enumerate(self.nodes) if each.node.is_variable}

    def name(self, entry) -> str:
        return self.nodes[entry[0]].outputs[entry[1]]

    def find(self, name: str) -> tuple:
        """The entry of an output or a variable, by its name in MXNet's get_internals().list_outputs()."""
        found = [(i, each.outputs.index(name)) for i, each in enumerate(self.nodes) if name in each.outputs]
        if not found:
            names = [name for each in self.nodes for name in each.outputs]
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
            raise OperatorError(f"SymbolNet: the graph has no output '{name}'; the nearest are {', '.join(near)}")
        if len({self.source(entry, True) for entry in found}) > 1:
            raise OperatorError(f"SymbolNet: the graph has several outputs '{name}'")
        return found[-1]

    def source(self, entry, training: bool) -> tuple:
        """The entry that holds the same value and gradient, past nodes that change nothing in this mode."""
        while self.nodes[entry[0]].keeps(training):
            entry = self.nodes[entry[0]].node.inputs[0]
        return entry

    def needed(self, entries, training: bool = True, without: frozenset = frozenset()) -> tuple:
        """Numbers of the nodes that the entries need, in order. Labels that need a variable of `without` are left out.

        Raises OperatorError if one of them has an operator that is not served.
        """
        found, waiting = set(), [self.source(entry, training)[0] for entry in entries]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += [entry[0] for entry in self.reads(number, training, without) if entry is not None]
        self._expect_served(found)
        return tuple(sorted(found))

    def reads(self, number: int, training: bool, without: frozenset) -> list:
        """The entries that a node reads; None for a label that cannot be had without the variables of `without`."""
        bound = self.nodes[number]
        entries: list = [self.source(entry, training) for entry in bound.node.inputs]
        if without and bound.operator is not None and bound.operator.labels:
            for i, name in enumerate(bound.names):
                if name in bound.operator.labels and self._uses(entries[i], without):
                    entries[i] = None
        return entries

    def _uses(self, entry, names: frozenset) -> bool:
        return any(self.nodes[i].node.is_variable and self.nodes[i].node.name in names for i in self.needed([entry]))

    def _expect_served(self, numbers) -> None:
        nodes = [self.nodes[i].node for i in sorted(numbers) if self.nodes[i].operator is None]
        unknown = {f"{node.name} ({_called(node)})": None for node in nodes if not node.is_variable}
        if unknown:
            raise OperatorError(f"SymbolNet: operators that are not served here: {', '.join(unknown)}")

    def _add(self, node: Node, old: bool) -> None:
        operator = find(node.operator, node.attributes)
        inputs = [self._entry(entry, f"node '{node.name}'") for entry in node.inputs]
        if operator is None:
            outputs = (node.name,) if node.is_variable else (f"{node.name}_output",)
            bound = Bound(replace(node, inputs=tuple(inputs)), None, None, (), outputs)
        else:
            bound = self._bound(node, operator, inputs, old)
        self._number.append(len(self.nodes))
        self.nodes.append(bound)

    def _bound(self, node: Node, operator: Operator, inputs: list, old: bool) -> Bound:
        try:
            own = {key: text for key, text in node.attributes.items() if (node.operator, key) != ("Custom", "op_type")}
            attributes = read_all(operator.attributes, own)
            names = operator.inputs(attributes) if operator.inputs else None
            outputs = operator.outputs(attributes)
        except OperatorError as error:
            raise node.error(str(error)) from None
        if names is None:
            names = tuple(f"arg{i}" for i in range(len(inputs)))
            if not inputs or attributes.num_args not in (None, len(inputs)):
                raise node.error(f"num_args={attributes.num_args}, but it has {len(inputs)} inputs")
        if old:
            inputs += [(self._add_variable(f"{node.name}_{name}"), 0) for name in names[len(inputs) :]]
        if len(inputs) != len(names):
            raise node.error(f"it takes {len(names)} inputs ({', '.join(names)}), got {len(inputs)}")
        suffixed = tuple(f"{node.name}_{suffix}" for suffix in outputs)
        return Bound(replace(node, inputs=tuple(inputs)), operator, attributes, names, suffixed)

    def _add_variable(self, name: str) -> int:
        if any(each.node.is_variable and each.node.name == name for each in self.nodes):
            raise OperatorError(f"SymbolNet: several variables have one name: {name}")
        self.nodes.append(Bound(Node(name, VARIABLE, {}, {}, ()), None, None, (), (name,)))
        return len(self.nodes) - 1

    def _entry(self, entry, where: str) -> tuple:
        number = self._number[entry[0]]
        bound = self.nodes[number]
        if entry[1] >= len(bound.outputs) and (bound.operator or bound.node.is_variable):
            count = len(bound.outputs)
            raise OperatorError(f"SymbolNet: {where} reads output {entry[1]} of '{bound.node.name}', which has {count}")
        return (number, entry[1])


def _called(node: Node) -> str:
    return f"Custom, op_type={node.attributes.get('op_type')}" if node.operator == "Custom" else node.operator
