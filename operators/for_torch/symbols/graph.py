# SPDX-License-Identifier: Apache-2.0
"""Reads the text of a -symbol.json file, of MXNet 0.5 to 1.9, into nodes. Knows no operator."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from operators.library import OperatorError

# What MXNet itself treats as hints, with or without underscores; on a node also as <input>_<hint>.
HINTS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
VARIABLE = "null"


@dataclass(frozen=True)
class Node:
    """attributes, hints: texts; a variable has hints only. inputs: (number of the node, number of its output)."""

    name: str
    operator: str
    attributes: dict
    hints: dict
    inputs: tuple

    @property
    def is_variable(self) -> bool:
        return self.operator == VARIABLE

    def error(self, text: str) -> OperatorError:
        return OperatorError(f"SymbolNet: node '{self.name}' ({self.operator}): {text}")


@dataclass(frozen=True)
class Graph:
    """nodes: every node after its inputs. heads: as Node.inputs. old: saved before MXNet 0.9, which added the inputs
    that a node left out and all auxiliary states when it loaded such a file."""

    nodes: tuple
    heads: tuple
    old: bool


def read(text: str) -> Graph:
    """Raises OperatorError, naming the node, for text that is not a graph."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise OperatorError(f"SymbolNet: the graph is not JSON: {error}") from None
    for key in ("nodes", "heads"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list) or not content[key]:
            raise OperatorError(f"SymbolNet: the graph has no list '{key}'; is it the text of a -symbol.json file?")
    nodes = tuple(_node(number, item) for number, item in enumerate(content["nodes"]))
    counts = Counter(node.name for node in nodes if node.is_variable)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise OperatorError(f"SymbolNet: several variables have one name: {', '.join(repeated)}")
    heads = tuple(_entry(item, f"head {i}", len(nodes)) for i, item in enumerate(content["heads"]))
    return Graph(nodes, heads, "mxnet_version" not in content.get("attrs", {}))


def _node(number: int, item) -> Node:
    parts = item if isinstance(item, dict) else {}
    name, operator = parts.get("name"), parts.get("op")
    if not (isinstance(name, str) and name and isinstance(operator, str)) or not isinstance(parts.get("inputs"), list):
        raise OperatorError(f"SymbolNet: node {number} must have a name, an op and a list of inputs, got {item!r}")
    where = f"node '{name}' ({operator})"
    for key in ("control_deps", "subgraphs"):
        if parts.get(key):
            raise OperatorError(f"SymbolNet: {where}: '{key}' is not served, got {parts[key]!r}")
    inputs = tuple(_entry(entry, where, number) for entry in parts["inputs"])
    # 'attrs' since MXNet 1.0; 'param' and 'attr' in the files of 2015 to 2017
    texts = {**parts.get("param", {}), **parts.get("attr", {}), **parts.get("attrs", {})}
    if operator == VARIABLE:
        return Node(name, operator, {}, texts, inputs)
    attributes = {key: text for key, text in texts.items() if not _is_hint(key)}
    hints = {key: text for key, text in texts.items() if _is_hint(key)}
    return Node(name, operator, attributes, hints, inputs)


def _is_hint(key: str) -> bool:
    if key.startswith("__") and key.endswith("__") and len(key) > 4:
        return True
    return any(key == hint or key.endswith(f"_{hint}") for hint in HINTS)


def _entry(entry, where: str, before: int) -> tuple:
    """(node, output) of what a node or head reads. A node stands after its inputs, so that there is no cycle."""
    if not isinstance(entry, list) or len(entry) not in (2, 3) or not all(type(number) is int for number in entry):
        raise OperatorError(f"SymbolNet: {where}: an input must be [node, output, version], got {entry!r}")
    if not 0 <= entry[0] < before:
        raise OperatorError(
            f"SymbolNet: {where} reads node {entry[0]}, which does not stand before it (a cycle, a file out of order, "
            "or a node that is not there)"
        )
    if entry[1] < 0:
        raise OperatorError(f"SymbolNet: {where} reads output {entry[1]} of node {entry[0]}")
    return (entry[0], entry[1])
