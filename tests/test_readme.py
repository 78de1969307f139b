# SPDX-License-Identifier: Apache-2.0
"""The code in README.md runs and prints what its last comment says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_a_symbol_and_a_gluon_example():
    assert ["sym." in block for block in BLOCKS] == [True, False]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_prints_what_it_says(block):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, str(README), "exec"), {})
    assert printed.getvalue().strip() == re.search(r"#([^#]*)$", block).group(1).strip()
