# SPDX-License-Identifier: Apache-2.0
"""What docs/pytorch.md shows runs and prints what its comment says, and lists what there is."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from operators import for_torch  # noqa: E402
from operators.for_torch import mmcv  # noqa: E402

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "pytorch.md").read_text(encoding="utf-8")


def test_the_example():
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "docs/pytorch.md", "exec"), {})
    assert printed.getvalue().strip() == re.search(r"#([^#]*)$", block)[1].strip()


def test_everything_public_is_named():
    for name in for_torch.__all__:
        assert f"`{name}" in PAGE, f"docs/pytorch.md does not mention {name}"


def test_the_functions_have_the_parameters_of_the_table():
    rows = dict(re.findall(r"^\| `(\w+)\(([^)]*)\)` \| `\w+`", PAGE.split("## Coming from", 1)[0], re.MULTILINE))
    functions = [name for name in for_torch.__all__ if hasattr(getattr(for_torch, name), "__wrapped__")]
    assert sorted(rows) == sorted(functions)
    for name, parameters in rows.items():
        assert parameters.split(", ") == list(inspect.signature(getattr(for_torch, name)).parameters), name


def test_what_the_page_imports_is_there():
    """In the place of torchvision's and mmcv's names; test_torch_dropins.py tests what they do."""
    found = re.findall(r"from operators\.for_torch(\.\w+)? import ([\w, ]+)", PAGE)
    assert len(found) >= 3
    for module, names in found:
        for name in names.split(", "):
            assert hasattr(importlib.import_module(f"operators.for_torch{module}"), name), (module, name)
    (theirs,) = re.findall(r"from mmcv\.ops import ([\w, ]+)", PAGE)
    assert sorted(theirs.split(", ")) == sorted(mmcv.__all__)


def test_every_layer_has_a_row_of_what_it_is_exported_as():
    table = PAGE.split("## ONNX", 1)[1].split("\n## ", 1)[0]
    functions = [name for name in for_torch.__all__ if hasattr(getattr(for_torch, name), "__wrapped__")]
    assert functions and all(f"`{name}`" in table for name in functions)
