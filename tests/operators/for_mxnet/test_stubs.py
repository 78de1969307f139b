# SPDX-License-Identifier: Apache-2.0
"""The stubs of nd and sym, which editors and type checkers read in the place of modules that fill themselves."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from samples import OPERATORS, sample

from operators.for_mxnet import nd, sym
from operators.library import descriptions

ROOT = Path(__file__).parents[3]
FRONTS = {"nd": nd, "sym": sym}


def _script():
    spec = importlib.util.spec_from_file_location("write_stubs", ROOT / "scripts" / "write_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _functions(front: str) -> dict:
    tree = ast.parse((ROOT / "operators" / "for_mxnet" / f"{front}.pyi").read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("front", FRONTS)
def test_a_stub_is_what_the_operators_say_of_themselves(front):
    script = _script()
    current = script.path_of(front).read_text(encoding="utf-8")
    assert current == script.stub(front), "an operator's description changed: run python scripts/write_stubs.py"


@pytest.mark.parametrize("front", FRONTS)
def test_every_function_is_named_with_its_arguments(front):
    functions = _functions(front)
    assert sorted(functions) == sorted(FRONTS[front].__all__) == sorted(OPERATORS)
    for name, function in functions.items():
        description = descriptions()[name]
        assert [argument.arg for argument in function.args.args] == list(description.inputs)
        keywords = [argument.arg for argument in function.args.kwonlyargs]
        assert keywords[: len(description.attributes)] == list(description.attributes)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_call_that_the_stub_allows_runs(operator):
    """Inputs by position and attributes by name; those without a default are all that must be given."""
    one, function = sample(operator), _functions("nd")[operator]
    needed = len(function.args.args) - len(function.args.defaults)
    arrays = list(one.ndarrays().values())
    assert needed <= len(arrays)
    required = [a.arg for a, default in zip(function.args.kwonlyargs, function.args.kw_defaults) if default is None]
    assert set(required) == {name for name, info in descriptions()[operator].attributes.items() if info["required"]}
    assert getattr(nd, operator)(*arrays, **one.attributes, name="n", out=None).shape == one.out_grad.shape


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "operators" / "py.typed").is_file()


def test_mypy_finds_the_operators_and_a_wrong_argument(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "client.py").write_text(
        "from operators.for_mxnet import nd, sym\n"
        "right = sym.Shift(name='n', boundary='zero')\n"
        "wrong = nd.Shift(None, None, boundry='zero', boundary=3)\n"
        "unknown = sym.Swift()\n"
    )
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-mxnet.*]\nfollow_imports = skip\nignore_missing_imports = True\n")
    arguments = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path), str(tmp_path / "client.py")]
    done = subprocess.run([sys.executable, "-m", "mypy", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert "client.py:3" in done.stdout and "boundary" in done.stdout, done.stdout + done.stderr
    assert "client.py:4" in done.stdout and "Swift" in done.stdout
    assert "client.py:2" not in done.stdout
