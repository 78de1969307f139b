# SPDX-License-Identifier: Apache-2.0
"""A network's graph as MXNet saves it (-symbol.json), read without any framework."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass

GUARDS = ("clip", "identity", "_copy", "slice_axis")  # through which our MXNet operators take their inputs


@dataclass(frozen=True)
class Node:
    """One node. operator: its name, of a Custom node its op_type; 'null' is a variable. inputs: (node, output)."""

    number: int
    name: str
    operator: str
    attributes: dict[str, str]
    inputs: tuple[tuple[int, int], ...]

    @property
    def is_variable(self) -> bool:
        return self.operator == "null"

    def pair(self, key: str, default: tuple[int, int]) -> tuple[int, int]:
        """A (y, x) attribute; '()' is the default, as MXNet has it."""
        value = ast.literal_eval(self.attributes.get(key, "()"))
        return (int(value[0]), int(value[1])) if value else default

    def number_of(self, key: str, default: int) -> int:
        return int(self.attributes.get(key, default))


class Graph:
    """The nodes of a graph's text, in order: what a node reads stands before it.

    Raises ValueError if the text is no such graph.
    """

    def __init__(self, text: str):
        try:
            content = json.loads(text)
            self.nodes = tuple(_node(number, each) for number, each in enumerate(content["nodes"]))
            self.heads = tuple((entry[0], entry[1]) for entry in content["heads"])
        except (KeyError, TypeError, IndexError, json.JSONDecodeError) as error:
            raise ValueError(f"not a graph as MXNet saves it: {error!r}") from None

    @property
    def variables(self) -> list[str]:
        """Names of inputs, parameters and states, in order."""
        return [node.name for node in self.nodes if node.is_variable]

    @property
    def head(self) -> str:
        """The name of the first output."""
        return self.output(self.heads[0])

    def output(self, entry: tuple[int, int]) -> str:
        """The name by which MXNet calls what an input (node, output) reads."""
        node = self.nodes[entry[0]]
        if node.is_variable:
            return node.name
        read = [each for other in self.nodes for each in other.inputs] + list(self.heads)
        several = node.number_of("num_outputs", 1) > 1 or any(i == entry[0] and o for i, o in read)
        return f"{node.name}_output{entry[1] if several else ''}"

    def without_guards(self, entry: tuple[int, int]) -> tuple[int, int]:
        """Where a value that arrives unchanged comes from: what stands before our operators' guards."""
        node = self.nodes[entry[0]]
        while node.operator in GUARDS and "_guard" in node.name:
            entry = node.inputs[0]
            node = self.nodes[entry[0]]
        return entry


def _node(number: int, node: dict) -> Node:
    # 'attrs' since MXNet 1.0; 'param' and 'attr' in the files of 2016 and 2017
    attributes = {**node.get("param", {}), **node.get("attr", {}), **node.get("attrs", {})}
    operator = node["op"]
    operator = attributes.get("op_type", operator) if operator == "Custom" else operator.removeprefix("_contrib_")
    inputs = tuple((entry[0], entry[1]) for entry in node["inputs"])
    return Node(number, node["name"], operator, attributes, inputs)
