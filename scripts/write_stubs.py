# SPDX-License-Identifier: Apache-2.0
"""Writes operators/for_mxnet/nd.pyi and sym.pyi, so that editors and type checkers see the operators.

nd.py and sym.py make their functions when they are imported, from what the operators say of themselves; this writes the
same down. Run it after an operator's attributes or texts changed: python scripts/write_stubs.py
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from operators import library  # noqa: E402

# What an attribute's description calls its type -> what Python code may give, a text as in graph files among it.
TYPES = {
    "a pair of integers (y, x)": "_Integers",
    "a tuple of integers": "_Integers",
    "an integer": "int | str",
    "a number": "float | str",
    "True or False": "bool | str",
}
HEAD = """# SPDX-License-Identifier: Apache-2.0
# Written by scripts/write_stubs.py; do not edit.
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from mxnet.{module} import {array}

_Integers: TypeAlias = Sequence[int] | str
"""
ARRAYS = {"nd": ("ndarray", "NDArray"), "sym": ("symbol", "Symbol")}


def attribute_type(text: str) -> str:
    if text.startswith("one of "):
        choices = re.findall(r"'([^']*)'", text)
        none = " | None" if "None" in choices else ""
        return f"Literal[{', '.join(map(repr, choices))}]{none}".replace("'", '"')
    return TYPES[text]


def signature(description: library.Description, front: str) -> list:
    """The lines of the arguments. Symbols may be left out: variables are made for them."""
    array, lines = ARRAYS[front][1], []
    for name in description.inputs:
        optional = front == "sym" or f"no_{name}" in description.attributes
        lines.append(f"{name}: {array} | None = ..." if optional else f"{name}: {array}")
    lines.append("*")
    for name, info in description.attributes.items():
        lines.append(f"{name}: {attribute_type(info['type'])}" + ("" if info["required"] else " = ..."))
    more = "attr: dict[str, str]" if front == "sym" else f"out: {array}"
    return [*lines, "name: str | None = ...", f"{more} | None = ...", "**hints: Any"]


def docstring(description: library.Description, array: str) -> str:
    lines = []
    for line in description.docstring(array).splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, 112, subsequent_indent=indent, break_long_words=False) or [""]
    return textwrap.indent("\n".join(['"""' + lines[0], *lines[1:], '"""']), "    ", lambda line: bool(line.strip()))


def stub(front: str) -> str:
    module, array = ARRAYS[front]
    parts = [HEAD.format(module=module, array=array)]
    for name, description in library.descriptions().items():
        arguments = "".join(f"    {line},\n" for line in signature(description, front))
        parts.append(f"def {name}(\n{arguments}) -> {array}:\n{docstring(description, array)}\n")
    names = "".join(f'    "{name}",\n' for name in library.descriptions())
    return "\n".join([*parts, f"__all__ = [\n{names}]\n"])


def path_of(front: str) -> Path:
    return ROOT / "operators" / "for_mxnet" / f"{front}.pyi"


if __name__ == "__main__":
    for each in ARRAYS:
        path_of(each).write_text(stub(each), encoding="utf-8")
        print(path_of(each))
