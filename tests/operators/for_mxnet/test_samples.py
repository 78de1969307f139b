# SPDX-License-Identifier: Apache-2.0
"""The lists of these tests reach every operator of the library, and fail for a room that they cannot serve."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import samples
from samples import OPERATORS, OURS, STOCK, sample

from operators.for_mxnet import nd, sym
from operators.library import Description, descriptions

HERE = Path(__file__).parent
# Tests that go through every operator: what a new room must not be left out of.
GENERIC = ("derivatives", "devices", "empty", "errors", "float16", "grad_req", "hints", "install", "memory", "names",
           "neighbours", "saved", "shapes", "sharing", "tools")  # fmt: skip


def test_the_lists_are_those_of_the_library():
    assert list(OPERATORS) == list(descriptions()) == nd.__all__ == sym.__all__
    assert {*OURS, *STOCK} == {*OPERATORS} and not {*OURS} & {*STOCK}


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_sample_has_every_input_and_a_gradient_for_each(operator):
    one = sample(operator)
    assert list(one.arrays) == list(descriptions()[operator].inputs)
    assert list(one.gradients()) == list(one.arrays)
    assert one.output().shape == one.out_grad.shape


@pytest.mark.parametrize("name", GENERIC)
def test_a_generic_test_goes_through_all_of_them(name):
    tree = ast.parse((HERE / f"test_{name}.py").read_text(encoding="utf-8"))
    (taken,) = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "samples"]
    assert "OPERATORS" in {alias.name for alias in taken.names}
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "OPERATORS"]
    assert uses, f"test_{name}.py imports the list of operators and does not use it"


@pytest.mark.parametrize("choose", [samples.small_case, samples.wide_case])
def test_a_room_without_a_fitting_case_fails(monkeypatch, choose):
    """A new operator whose room's cases do not speak of it."""
    new = Description("Swirl", "shift", "", {"data": ""}, {})
    monkeypatch.setattr(samples.library, "descriptions", lambda: {**descriptions(), "Swirl": new})
    with pytest.raises(AssertionError, match="Swirl: its room has no case of two images or more"):
        choose("Swirl")
