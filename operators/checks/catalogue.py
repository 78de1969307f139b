# SPDX-License-Identifier: Apache-2.0
"""What generic tests loop over: every operator that the library describes, with what its room's cases.py says of it.

A room's cases.py offers
    CASES          a list of Case, some of them busy; and more lists whose names end so, for other operators of the room
    SAMPLES        operator -> a small, lopsided Case with groups and no pixel left over: what the fronts' tests run
    DRAWERS        input -> how its numbers are drawn (inputs.py says how), for inputs that are no ordinary numbers
    random_case    a function of the operator: a hypothesis strategy of Case
A room that leaves one out fails every test that asks for it, by name.
"""

from __future__ import annotations

import functools
import importlib

from operators import library
from operators.core.reference_bilinear import BOUNDARIES


def names() -> tuple:
    """Every operator's public name."""
    return tuple(library.descriptions())


def _room(operator: str):
    return importlib.import_module(f"operators.{library.descriptions()[operator].room}.cases")


def _of(operator: str, what: str):
    room = _room(operator)
    if not hasattr(room, what):
        raise LookupError(f"{room.__file__} says nothing of {what} (operators/checks/catalogue.py)")
    return getattr(room, what)


@functools.cache
def cases_of(operator: str) -> tuple:
    """The cases at which it is tested."""
    lists = [cases for key, cases in sorted(vars(_room(operator)).items()) if key.endswith("CASES")]
    found = tuple(case for cases in lists for case in cases if case.operator == operator)
    if not found:
        raise LookupError(f"{_room(operator).__file__} has no case of {operator}")
    return found


def all_cases() -> list:
    """The cases of every operator."""
    return [case for operator in names() for case in cases_of(operator)]


def boundaries_of(operator: str) -> tuple:
    """The rules of its attribute `boundary`; ("",) where it has none."""
    return tuple(BOUNDARIES) if "boundary" in library.descriptions()[operator].attributes else ("",)


def drawers_of(operator: str) -> dict:
    """Input -> drawer, of the inputs that are no ordinary numbers."""
    return _of(operator, "DRAWERS")


def sample_of(operator: str):
    """One small Case."""
    samples = _of(operator, "SAMPLES")
    if operator not in samples:
        raise LookupError(f"{_room(operator).__file__} has no sample of {operator}")
    return samples[operator]


def random_case_of(operator: str):
    """A hypothesis strategy of Case."""
    return _of(operator, "random_case")(operator)
