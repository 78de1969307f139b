# SPDX-License-Identifier: Apache-2.0
"""Graphs in float64: MXNet's Crop knows float32 only and its leaky ReLU rounds to it, so others take their places
there, with the same values; and every variable says its type, which else is float32 where no input of the network
tells it."""

from __future__ import annotations

import ast
import json

import numpy as np


def in_float64(graph: str) -> str:
    """The graph in float64, with every Crop(data, like) as two slice_axis and a slice_like of the old name, and every
    leaky ReLU as the greater of x and slope * x. (Of a slope above 1, which is no ReLU's, that would be another.)

    Raises ValueError for a Crop of another form.
    """
    content = json.loads(graph)
    nodes: list[dict] = []
    moved: dict[int, int] = {}

    def add(op: str, name: str, attributes: dict, inputs: list) -> int:
        nodes.append({"op": op, "name": name, "attrs": attributes, "inputs": inputs})
        return len(nodes) - 1

    for number, node in enumerate(content["nodes"]):
        inputs = [[moved[entry[0]], *entry[1:]] for entry in node["inputs"]]
        if node["op"] == "LeakyReLU" and node.get("attrs", {}).get("act_type", "leaky") == "leaky":
            slope = repr(float(np.float32(node.get("attrs", {}).get("slope", 0.25))))  # as MXNet reads it
            low = add("_mul_scalar", f"{node['name']}_low", {"scalar": slope}, inputs)
            moved[number] = add("_maximum", node["name"], {}, [inputs[0], [low, 0, 0]])
            continue
        if node["op"] != "Crop":
            typed = {"attrs": {**node.get("attrs", {}), "__dtype__": "1"}} if node["op"] == "null" else {}
            nodes.append({**node, "inputs": inputs, **typed})
            moved[number] = len(nodes) - 1
            continue
        attributes = node.get("attrs", {})
        if len(inputs) != 2 or attributes.get("center_crop", "False") == "True":
            raise ValueError(f"{node['name']}: in float64 only Crop(data, like, offset=) is served, got {attributes}")
        last, like = inputs
        for axis, first in zip((2, 3), ast.literal_eval(attributes.get("offset", "(0, 0)"))):
            cut = {"axis": str(axis), "begin": str(first), "end": "None"}
            last = [add("slice_axis", f"{node['name']}_from{axis}", cut, [last]), 0, 0]
        moved[number] = add("slice_like", node["name"], {"axes": "(2, 3)"}, [last, like])
    content["nodes"] = nodes
    content["arg_nodes"] = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    content["node_row_ptr"] = list(range(len(nodes) + 1))
    content["heads"] = [[moved[entry[0]], *entry[1:]] for entry in content["heads"]]
    return json.dumps(content)
