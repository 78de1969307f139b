# SPDX-License-Identifier: Apache-2.0
"""Which layers of a network learn where to look, and which parameters steer them.

This is the one place that finds them, by what the graph computes, never by how something is called: learning rates, the
monitor, bounds, rollbacks, "offsets set to 0" and pictures all take these records. A torch module's text lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lib.looking.graph import Graph, Node
from lib.looking.modules import entries

CONVOLUTIONS = {
    "ActiveConvolution": "active",
    "DeformableConvolution": "deformable",
    "ModulatedDeformableConvolution": "modulated",
}
KINDS = {**CONVOLUTIONS, "DeformablePSROIPooling": "pooling", "Shift": "shift"}
TABLES = ("active", "shift")  # kinds whose offset is one table for all positions
BOUNDARY = {"DeformableConvolution": "inside"}  # where the attribute is not given; 'zero' for the others

Rows = slice
ALL = slice(None)

_MAKERS = ("Convolution", "FullyConnected", "Deconvolution")
# Through these a channel stays the channel it was, or is made by the parameter's row of its number.
_KEEPS_CHANNELS = {"Convolution", "FullyConnected", "Activation", "LeakyReLU", "BatchNorm", "BlockGrad", "Cast", "clip",
                   "identity", "relu", "sigmoid", "slice_axis", "softsign", "tanh", "_copy"}  # fmt: skip
_ELEMENTWISE = ("elemwise_", "broadcast_", "_plus", "_minus", "_mul", "_div", "_rdiv", "_rminus")
_CUTS = {"SliceChannel", "_split_v2", "slice", "slice_like", "take", "pick", "gather_nd"}


@dataclass(frozen=True)
class LookingLayer:
    """One layer that learns where to look.

    name: its node. operator: such as DeformableConvolution. kernel: taps (y, x); of a pooling its parts. sets: of
    offsets, groups of filters times groups of channels. data, offset, mask: names of the outputs that it reads; mask
    is '' where there is none. offset_parameter: the name of the offset where it is a parameter itself (active
    convolution, shift), '' where it is computed from the data.
    parameters: {name: rows}, what makes the offsets; of a branch that makes other things too (masks), `rows` are the
    filters that make offsets. steering: names of all that makes offsets and masks.
    stride, dilate, pad: (y, x). boundary: 'inside', 'zero' or 'border'. normalize_grad, offset_lr_rate: what an active
    convolution does with the gradient of its offset.
    """

    name: str
    operator: str
    kernel: tuple[int, int]
    sets: int
    data: str
    offset: str
    mask: str
    offset_parameter: str
    parameters: dict[str, Rows]
    steering: frozenset[str]
    stride: tuple[int, int] = (1, 1)
    dilate: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    boundary: str = "zero"
    normalize_grad: bool = False
    offset_lr_rate: float = 1.0

    @property
    def kind(self) -> str:
        """'active', 'deformable', 'modulated', 'pooling' or 'shift'."""
        return KINDS[self.operator]

    @property
    def is_convolution(self) -> bool:
        return self.operator in CONVOLUTIONS

    @property
    def same_everywhere(self) -> bool:
        """Whether its offset is one table for all positions, not a map."""
        return self.kind in TABLES


def looking_layers(graph: Graph | str) -> list[LookingLayer]:
    """The layers of a network that learn where to look, in its order. graph: or its text, of a module too."""
    if isinstance(graph, str):
        listed = entries(graph)
        if listed is not None:
            return [LookingLayer(**each.record) for each in listed]
        graph = Graph(graph)
    found = ((node, _offset_input(node)) for node in graph.nodes if node.operator in KINDS)
    return [_layer(graph, node, place) for node, place in found if place is not None]


def offset_parameters(layers: list[LookingLayer]) -> list[str]:
    """Names of the offsets that are parameters themselves, in order, each once."""
    return list(dict.fromkeys(layer.offset_parameter for layer in layers if layer.offset_parameter))


def steering(layers: list[LookingLayer]) -> dict[str, str]:
    """{name: kind of layer} of all parameters that make offsets or masks."""
    return {name: layer.kind for layer in layers for name in layer.steering}


def set_offsets_zero(arg: dict[str, np.ndarray], layers: list[LookingLayer]) -> list[str]:
    """Sets to 0, in `arg`, what makes offsets, so that all layers look at their regular grid; masks stay.

    Gives the names of what was changed. What `arg` lacks is left to whoever takes it, who lists all that does not fit.
    """
    changed = []
    for layer in layers:
        for name, rows in ((name, rows) for name, rows in layer.parameters.items() if name in arg):
            arg[name] = arg[name].copy()
            arg[name][rows] = 0
            changed.append(name)
    return list(dict.fromkeys(changed))


def named_by_layer(layers: list[LookingLayer], offsets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{layer: offset} of offsets that are parameters, given by the parameters' names.

    Those of a convolution as (filter groups, channel groups, kernel y, kernel x, 2).
    """
    found = {each.name: (each, offsets[each.offset_parameter]) for each in layers if each.offset_parameter in offsets}
    return {name: value.reshape(each.sets, 1, *each.kernel, 2) if each.is_convolution and value.ndim == 1 else value
            for name, (each, value) in found.items()}  # fmt: skip


def lengths(offsets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How far each tap is moved, in pixels: (dy, dx) is the last axis of an offset that is a parameter.

    The networks of 2017 have it with one axis, (dy, dx) of one tap after the other.
    """
    pairs = {name: offset.reshape(-1, 2) if offset.ndim == 1 else offset for name, offset in offsets.items()}
    return {name: np.hypot(offset[..., 0], offset[..., 1]) for name, offset in pairs.items()}


def _offset_input(node: Node) -> int | None:
    """Which input of the node is its offset, None if it has none."""
    if node.operator != "DeformablePSROIPooling":
        return 1
    no_trans = node.attributes.get("no_trans", "False").lower() in ("true", "1")
    return None if no_trans or len(node.inputs) < 3 else 2


def _layer(graph: Graph, node: Node, place: int) -> LookingLayer:
    """place: which of the node's inputs is its offset."""
    entry = node.inputs[place]
    mask = node.inputs[2] if node.operator == "ModulatedDeformableConvolution" else None
    behind = graph.nodes[graph.without_guards(entry)[0]]
    parameters = _sources(graph, entry, ALL)
    masks = _sources(graph, mask, ALL) if mask else {}
    layer = LookingLayer(
        name=node.name,
        operator=node.operator,
        kernel=node.pair("kernel", (1, 1)),
        sets=node.number_of("num_offset_group", 1)
        * node.number_of("num_deformable_group", 1)
        * node.number_of("num_active_group", 1),
        data=graph.output(node.inputs[0]),
        offset=graph.output(entry),
        mask=graph.output(mask) if mask else "",
        offset_parameter=behind.name if behind.is_variable and KINDS[node.operator] in TABLES else "",
        parameters=parameters,
        steering=frozenset({*parameters, *masks}),
    )
    if node.operator == "DeformablePSROIPooling":
        size = node.number_of("part_size", 0) or node.number_of("pooled_size", 0)
        return replace(layer, kernel=(size, size))
    return replace(
        layer,
        stride=node.pair("stride", (1, 1)),
        dilate=node.pair("dilate", (1, 1)),
        pad=node.pair("pad", (0, 0)),
        boundary=node.attributes.get("boundary") or BOUNDARY.get(node.operator, "zero"),
        normalize_grad=node.attributes.get("normalize_grad", "False").lower() in ("true", "1"),
        offset_lr_rate=float(node.attributes.get("offset_lr_rate", 1.0)),
    )


def _sources(graph: Graph, entry: tuple[int, int], rows: Rows) -> dict[str, Rows]:
    """The parameters nearest before a value: {name: which of their rows make it}. rows: of the value's channels.

    Raises ValueError where the graph takes channels apart in a way that is not followed here: rows that are wrong
    would set masks to 0, or not all of the offsets.
    """
    node = graph.nodes[entry[0]]
    if node.is_variable:
        return {node.name: rows}
    axis = node.attributes.get("axis") if node.operator == "slice_axis" else None
    if axis in ("1", "-3"):
        return _sources(graph, node.inputs[0], _narrowed(node, rows))
    known = rows == ALL or node.operator in _KEEPS_CHANNELS or node.operator.startswith(_ELEMENTWISE)
    if not known or node.operator in _CUTS or (axis or "").startswith("-"):
        part = "" if rows == ALL else " of which a part of the channels is taken"
        raise ValueError(f"{node.name}: offsets that come out of a {node.operator}{part} are not served; "
                         "cut them out of a convolution's map by slice_axis with axis 1")  # fmt: skip
    if node.operator in _MAKERS:
        return {graph.nodes[graph.without_guards(each)[0]].name: rows for each in node.inputs[1:]}
    # The boxes of a pooling and the statistics of a batch normalisation are not trained to make offsets.
    count = {"BatchNorm": 3}.get(node.operator, 1 if "Pooling" in node.operator else None)
    found: dict[str, Rows] = {}
    for each in node.inputs[:count]:
        for name, more in _sources(graph, each, rows).items():
            found[name] = _joined(node, found.get(name, more), more)
    return found


def _joined(node: Node, first: Rows, second: Rows) -> Rows:
    """Both pieces of one parameter's rows, which must be one piece together."""
    if first == second or first == ALL:
        return first
    if second == ALL:
        return second
    for one, other in ((first, second), (second, first)):
        if one.stop is not None and one.stop == (other.start or 0):
            return slice(one.start, other.stop)
    raise ValueError(f"{node.name}: offsets from two pieces of one map that do not adjoin, {first} and {second}; "
                     "not served")  # fmt: skip


def _narrowed(node: Node, rows: Rows) -> Rows:
    begin, end = node.number_of("begin", 0), node.attributes.get("end", "None")
    last = None if end == "None" else int(end)
    if rows == ALL:
        return slice(begin, last)
    return slice(begin + (rows.start or 0), last if rows.stop is None else begin + rows.stop)
