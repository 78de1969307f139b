# SPDX-License-Identifier: Apache-2.0
"""What docs/mxnet.md shows runs, and what it lists is there."""

from __future__ import annotations

import re
from pathlib import Path

import mxnet as mx

from operators import for_mxnet
from operators.for_mxnet import sym

PAGE = (Path(__file__).parents[3] / "docs" / "mxnet.md").read_text(encoding="utf-8")


def test_the_example():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(compile(code, "docs/mxnet.md", "exec"), names)
    assert "Custom" not in names["trained"].tojson()
    assert "Custom" in names["module"].symbol.tojson()


def test_everything_public_is_named():
    for name in for_mxnet.__all__:
        assert re.search(rf"`{name}[.(]", PAGE), f"docs/mxnet.md does not mention {name}"


def test_the_table_of_nodes_is_what_a_graph_holds():
    section = PAGE.split("## What a node looks like")[1].split("##")[0]
    listed = re.findall(r"^\| `\w+` \| [^|]+\| `(\w+)` \|", section, re.MULTILINE)
    symbol = sym.DeformableConvolution(*map(mx.sym.var, "xowb"), name="dcn", num_filter=1, kernel=(1, 1))
    outputs = [name for name in symbol.get_internals().list_outputs() if name.startswith("dcn")]
    assert set(listed) <= set(outputs)
    rest = set(outputs) - set(listed)
    assert rest == {"dcn_offset_guard_same_output", "dcn_offset_guard_output"}
