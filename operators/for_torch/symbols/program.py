# SPDX-License-Identifier: Apache-2.0
"""A network made ready to run: a list of functions and of the places of what they read and write."""

from __future__ import annotations

from operators.for_torch.symbols.network import Bound, Network
from operators.for_torch.symbols.operator import known
from operators.library import OperatorError

_MOST_SHAPES = 1024  # remembered by one node; images of ever new sizes must not fill the memory
_NOTHING = 0  # the place of a label that was left out


class Program:
    """What computes the entries `targets` in one mode, without the labels that need a variable of `without`.

    Call it with load, a function of a variable's name; gives the values in the order of the targets.
    """

    def __init__(self, network: Network, targets: list, training: bool, without: frozenset = frozenset()):
        place: dict = {None: _NOTHING}  # of every entry
        self._variables, steps = [], []
        for number in network.needed(targets, training, without):
            bound = network.nodes[number]
            places = tuple(place.setdefault((number, i), len(place)) for i in range(len(bound.outputs)))
            if bound.node.is_variable:
                self._variables.append((places[0], bound.node.name))
                continue
            function = checked(bound, bound.function(training))
            reads = tuple(place[entry] for entry in network.reads(number, training, without))
            steps.append((function, reads, places[0] if len(places) == 1 else places, bound))
        self._targets = [place[network.source(entry, training)] for entry in targets]
        self._count, self._steps = len(place), self._with_last_uses(steps)

    def _with_last_uses(self, steps) -> list:
        """Adds to each step the places that nobody reads after it, so that their memory can go."""
        kept, done = {_NOTHING, *self._targets}, []
        for function, reads, writes, bound in reversed(steps):
            written = writes if isinstance(writes, tuple) else (writes,)
            free = tuple({*reads, *written} - kept)
            kept.update(reads)
            done.append((function, reads, writes, free, bound))
        return done[::-1]

    def __call__(self, load) -> list:
        values = [None] * self._count
        for place, name in self._variables:
            values[place] = load(name)
        for function, reads, writes, free, bound in self._steps:
            try:
                result = function(*[values[place] for place in reads])
            except _OF_A_NODE as error:
                if type(error) not in _OF_A_NODE:
                    raise
                raise bound.node.error(str(error)) from error
            if type(writes) is tuple:
                for place, value in zip(writes, result):
                    values[place] = value
            else:
                values[writes] = result
            for place in free:
                values[place] = None
        return [values[place] for place in self._targets]


# What wrong shapes raise; not those derived from them, such as a lack of memory.
_OF_A_NODE = (OperatorError, RuntimeError, ValueError, IndexError, TypeError)


def checked(bound: Bound, function):
    """Compares the inputs' shapes with what the attributes say; every combination of shapes once."""
    if bound.does.shapes is None:
        return function
    seen: set = set()

    def run(*tensors):
        shapes = tuple([None if each is None else each.shape for each in tensors])
        if known(*shapes) and shapes not in seen:
            expect_shapes(bound, shapes)
            if len(seen) >= _MOST_SHAPES:
                seen.clear()
            seen.add(shapes)
        return function(*tensors)

    return run


def expect_shapes(bound: Bound, shapes) -> None:
    """Raises OperatorError for a shape that is not as the node's attributes and its first input demand."""
    given = {name: None if shape is None else tuple(shape) for name, shape in zip(bound.names, shapes)}
    for name, expected in bound.expected(tuple(given.values())).items():
        if given[name] not in (None, expected):
            raise OperatorError(f"{name} must have shape {expected}, got {given[name]}")
