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


def test_every_front_has_an_example():
    assert [re.search(r"from operators\.(.*)$", block, re.MULTILINE).group(1).split(" ")[0] for block in BLOCKS] == [
        "for_mxnet",
        "for_mxnet",
        "for_torch",
    ]
    assert "sym." in BLOCKS[0] and "gluon." in BLOCKS[1]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_prints_what_it_says(block):
    if "import torch" in block:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, str(README), "exec"), {})
    assert printed.getvalue().strip() == re.search(r"#([^#]*)$", block).group(1).strip()
