# SPDX-License-Identifier: Apache-2.0
"""Graphs carried from stock MXNet's nodes to ours, and back."""

from __future__ import annotations

import json
from functools import partial
from typing import Callable

from operators import library
from operators.for_mxnet import sym
from operators.for_mxnet.arguments import is_hint
from operators.for_mxnet.guard import guard_names, is_guard, is_output_guard
from operators.for_mxnet.stock_names import PREFIX, STOCK
from operators.for_mxnet.symbolic import fresh

import mxnet as mx  # isort: skip
from mxnet.base import MXNetError  # isort: skip


def from_stock(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """The network with our nodes in the place of MXNet's own deformable convolutions and poolings.

    Build a network with stock names, let everything that walks graphs see it, and convert it last, before bind. Names,
    arguments, shapes and values stay.

    Parameters
    ----------
    symbol : Symbol, also one loaded from a JSON file; its control-flow bodies are converted as well.

    Raises MXNetError naming the node whose attributes ours does not take.
    """
    return _converted(symbol, lambda graph: _node_of_ours)


def to_stock(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """The network with MXNet's own nodes in the place of ours, without guards: for machines that have stock MXNet only.

    Parameters
    ----------
    symbol : Symbol, also one loaded from a JSON file; its control-flow bodies are converted as well.

    Raises MXNetError naming the node that stock MXNet cannot express: ActiveConvolution, Shift, a boundary other than
    stock's, several offset sets over the filters.
    """
    return _converted(symbol, _to_nodes_of_stock)


def _converted(symbol: mx.sym.Symbol, converter: Callable) -> mx.sym.Symbol:
    if not isinstance(symbol, mx.sym.Symbol):
        raise TypeError(f"a Symbol is expected, got {type(symbol).__name__}; mx.sym.load reads one from a JSON file")
    return mx.sym.load_json(json.dumps(_converted_graph(json.loads(symbol.tojson()), converter)))


def _converted_graph(graph: dict, converter: Callable) -> dict:
    """converter(graph) gives a function of (node, nodes) that adds what stands for a node to nodes and gives the entry
    of its output; None keeps it."""
    nodes: list = []
    convert = converter(graph)
    entries: dict = {}  # node of `graph` -> the entry that stands for its output, or the node's new number
    for number, old in enumerate(graph["nodes"]):
        node = dict(old, inputs=[_moved(entry, entries) for entry in old["inputs"]])
        if "control_deps" in old:
            node["control_deps"] = [_moved([i, 0, 0], entries)[0] for i in old["control_deps"]]
        if "subgraphs" in old:
            node["subgraphs"] = [_converted_graph(inner, converter) for inner in old["subgraphs"]]
        entry = convert(node, nodes)
        if entry is None:
            nodes.append(node)
            entry = len(nodes) - 1
        entries[number] = entry
    heads = [_moved(entry, entries) for entry in graph["heads"]]
    variables = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    kept = {key: value for key, value in graph.items() if key != "node_row_ptr"}
    return {**kept, "nodes": nodes, "arg_nodes": variables, "heads": heads}


def _moved(entry: list, entries: dict) -> list:
    found = entries[entry[0]]
    return list(found) if isinstance(found, (list, tuple)) else [found, *entry[1:]]


def _node_of_ours(node: dict, nodes: list) -> list | None:
    name = node["op"][len(PREFIX) :]
    if node["op"] != PREFIX + name or name not in STOCK:
        return None
    given = node.get("attrs", {})
    hints = {key: value for key, value in given.items() if is_hint(key)}
    attributes = {key: value for key, value in given.items() if key not in hints}
    inputs = [mx.sym.var(str(number)) for number in range(len(node["inputs"]))]
    with fresh(mx.name.NameManager), fresh(mx.AttrScope):
        made = getattr(sym, name)(*inputs, name=node["name"], attr=hints, **attributes)
    graph = json.loads(made.tojson())
    entries: dict = {}
    for number, new in enumerate(graph["nodes"]):
        if new["op"] == "null":
            entries[number] = node["inputs"][int(new["name"])]
        else:
            nodes.append(dict(new, inputs=[_moved(entry, entries) for entry in new["inputs"]]))
            entries[number] = len(nodes) - 1
    return _moved(graph["heads"][0], entries)


def _to_nodes_of_stock(graph: dict) -> Callable:
    """`_node_of_stock` for one graph. Only the guards of our operators go: one of the same form may be another Custom
    operator's, which needs it in stock MXNet, too."""
    guards: set = set()
    for node in graph["nodes"]:
        name = node.get("attrs", {}).get("op_type", "")
        if node["op"] == "Custom" and name in library.descriptions():
            guards |= guard_names(node["name"], library.descriptions()[name].inputs)
    return partial(_node_of_stock, guards)


def _node_of_stock(guards: set, node: dict, nodes: list) -> list | None:
    source = nodes[node["inputs"][0][0]] if node["inputs"] else {}
    if node["name"] in guards and is_guard(node):
        return node["inputs"][0]
    if is_output_guard(node) and node["name"] == source["name"] and source["op"] in map(PREFIX.__add__, STOCK):
        return node["inputs"][0]
    attributes = dict(node.get("attrs", {}))
    name = attributes.pop("op_type", "")
    if node["op"] != "Custom" or name not in library.descriptions():
        return None
    if name not in STOCK:
        raise MXNetError(f"Error in operator {node['name']}: {name}: stock MXNet has no such operator")
    for key in [key for key in attributes if key not in STOCK[name] and not is_hint(key)]:
        value, default = attributes.pop(key), library.descriptions()[name].attributes[key]["default"]
        if value != default:
            raise MXNetError(
                f"Error in operator {node['name']}: {name}: stock MXNet has no attribute '{key}' and computes what "
                f"{key}={default} does, got {key}={value}"
            )
    nodes.append({**node, "op": PREFIX + name, "attrs": attributes})
    return [len(nodes) - 1, 0, 0]
