# SPDX-License-Identifier: Apache-2.0
"""What docs/pytorch.md shows runs and prints what its comment says, and lists what there is."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from operators import for_torch  # noqa: E402

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
