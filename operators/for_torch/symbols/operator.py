# SPDX-License-Identifier: Apache-2.0
"""What is known of an MXNet operator, and the table of those that are served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from operators.library import OperatorError

OPERATORS: dict = {}  # name -> Operator; filled by the modules of this folder
ALIASES: dict = {}  # MXNet's other names, those of old files included -> name


@dataclass(frozen=True)
class Operator:
    """Everything takes the attributes `a` of a node, a namespace.

    build : a -> f(*tensors), which computes the node; gives a tensor, or a tuple if there are several outputs.
        a.training says in which mode, a.node is the Node. Raises OperatorError for attributes that do not go together.
    attributes : name -> Attribute, MXNet's list
    inputs : a -> names of the inputs, in order; None: any number of them
    outputs : a -> what the names of the outputs end in
    shapes : (a, shapes) -> {input: shape} that the inputs after the first must have; shapes are those of the inputs by
        name, None for one that is not known, never the first. None: nothing can be said.
    same : whether all inputs and the output have one shape
    labels : inputs that only the gradient reads
    states : inputs that are auxiliary states
    keeps : a -> whether it gives back its first input as it is, gradient included
    """

    name: str
    build: Callable
    attributes: dict
    inputs: Callable | None
    outputs: Callable
    shapes: Callable | None = None
    same: bool = False
    labels: tuple = ()
    states: tuple = ()
    keeps: Callable | None = None


def operator(name, inputs, attributes=None, aliases="", outputs="output", **more):
    """Registers a `build`. inputs and outputs: names with spaces between, or as in Operator.

    A Custom operator has the name "Custom " and its op_type, which is not among its attributes.
    """

    def register(build):
        register_operator(
            Operator(name, build, attributes or {}, _names(inputs), _names(outputs), **more), aliases.split()
        )
        return build

    return register


def register_operator(item: Operator, aliases=()) -> None:
    for each in (item.name, *aliases):
        assert each not in OPERATORS and each not in ALIASES, each
    OPERATORS[item.name] = item
    ALIASES.update(dict.fromkeys(aliases, item.name))


def find(name: str, attributes: dict):
    """The operator of a node, by its name or alias, of a Custom one by its op_type; None if it is not served."""
    if name == "Custom":
        name = f"Custom {attributes.get('op_type')}"
    return OPERATORS.get(ALIASES.get(name, name))


def _names(given):
    if given is None or callable(given):
        return given
    fixed = tuple(given.split())
    return lambda a: fixed


def pair(a, name: str, default=None) -> tuple:
    """An attribute that holds (y, x), where MXNet's empty default means `default`."""
    value = getattr(a, name)
    if not value and default is not None:
        return (default, default)
    if len(value) != 2 or None in value:
        raise OperatorError(f"{name} must hold two numbers (y, x), got {value}")
    return value


def known(*shapes) -> bool:
    """Whether all sizes are numbers. In a program that torch traces for images of any size they are symbols: to compare
    one would tie the program to what the comparison says, and takes hours where a network has many."""
    return all(isinstance(size, int) for shape in shapes if shape is not None for size in shape)
