# SPDX-License-Identifier: Apache-2.0
"""Whoever writes a file writes it whole or not at all: through lib.run.atomic."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WHOLE = ("lib", "deeplab", "experiments", "benchmarks", "operators")
EXEMPT = {
    "benchmarks/operators/memory.py": "/proc",
    "benchmarks/operators/worker.py": "a pipe", "benchmarks/operators/workers.py": "a pipe",
    "lib/run/program.py": "the null device",
    "operators/gpu_suite/result.py": "renames what it has written, as lib.run.atomic does, which it must not import",
    "lib/run/atomic.py": "the home of replacing",
    "lib/pictures/page.py": "into memory", "lib/pictures/taps.py": "into memory", "lib/pictures/gif.py": "into memory",
    "lib/data/films/write.py": "into a folder that lib/data/made_once.py names when all of it is there",
    "lib/data/flying_shapes/write.py": "the same",
    "experiments/ledger/pictures.py": "its caller's replacing gives the path",
}  # fmt: skip


def writers(source: str) -> list[int]:
    """Lines that write a file from its start, other than through lib.run.atomic."""
    tree, inside = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("replacing" in ast.unparse(item) for item in node.items):
            inside.update(map(id, ast.walk(node)))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "write_with":
            inside.update(map(id, ast.walk(node)))
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in inside
            and _writes(node)]  # fmt: skip


def _writes(call: ast.Call) -> bool:
    name = ast.unparse(call.func).split(".")[-1]
    if name in ("open", "fdopen"):
        mode = [each.value for each in (*call.args[:2], *(k.value for k in call.keywords if k.arg == "mode"))
                if isinstance(each, ast.Constant)]  # fmt: skip
        return any(isinstance(each, str) and set(each) & set("wx") and len(each) <= 3 for each in mode)
    own = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) not in ("checkpoint", "params", "looks")
    return own and name in ("write_text", "write_bytes", "savefig", "save", "savez", "savez_compressed", "tofile")


def test_whoever_writes_a_file_writes_it_whole():
    found = {}
    for folder in WHOLE:
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            lines = writers(path.read_text(encoding="utf-8"))
            if lines and name not in EXEMPT and "/checks/" not in name:
                found[name] = lines
    assert not found, "write through lib.run.atomic"


def test_the_scanner_sees_what_it_looks_for():
    lines = ["with replacing(p) as new:", "    new.write_text('')", "write_with(p, lambda f: image.save(f))",
             "params.save(p, arg)", "p.write_text('')", "open(p, 'w')", "open(p)", "figure.savefig(p)"]  # fmt: skip
    assert writers("\n".join(lines)) == [5, 6, 8]
