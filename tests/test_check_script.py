# SPDX-License-Identifier: Apache-2.0
"""Every way to check a change runs the same checks with the same tools."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.findall(
    r'"([\w-]+)==[\w.]+"', (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\ntests = [")[1]
)


def hooks() -> dict:
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return {hook["id"]: hook for repo in content["repos"] for hook in repo["hooks"]}


def test_hooks_call_the_pinned_tools_that_check_sh_calls():
    check = (ROOT / "check.sh").read_text(encoding="utf-8")
    called = re.findall(r"\.venv/bin/([\w-]+(?: check| format)?)", check)
    assert called.index("ruff check") < called.index("ruff format") < called.index("mypy") < called.index("python")
    assert hooks().keys() == {"ruff", "ruff-format", "clang-format", "mypy"}
    for hook in hooks().values():
        assert hook["language"] == "system"
        place, tool = hook["entry"].split()[0].rsplit("/", 1)
        assert place == ".venv/bin" and tool in PINNED and f".venv/bin/{tool}" in check


def test_hooks_see_the_files_that_they_are_for():
    found = hooks()
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "operators").rglob("*") if path.is_file()]
    for end in (".h", ".cc", ".cu"):
        assert any(re.search(found["clang-format"]["files"], name) for name in sources if name.endswith(end))
    assert not any(re.search(found["clang-format"]["files"], name) for name in sources if name.endswith(".py"))
    types = found["mypy"]["files"]
    assert re.search(types, "lib/system.py") and re.search(types, "operators/for_torch/mmcv.py")
    assert re.search(types, "pyproject.toml") and not re.search(types, "tests/test_walls.py")


def test_the_forge_runs_what_ci_runs():
    content = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = content["jobs"]["checks"]["steps"]
    assert steps[-1]["run"] == ".ci/run" and os.access(ROOT / ".ci/run", os.X_OK)
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("exec ./check.sh")
    packages = " ".join(step.get("run", "") for step in steps).split()
    assert {"git", "g++", "python3-dev", "python3-venv", "chromium", "chromium-driver"} <= set(packages)
    assert True in content and "pull_request" in content[True]  # YAML reads the key `on` as true


def test_mypy_checks_what_it_is_to_check():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.mypy]")[1].split("[tool.")[0]
    assert 'files = ["lib", "operators/for_mxnet", "operators/for_torch"]' in text
    assert "check_untyped_defs = true" in text and "mypy" in PINNED
    off = re.compile(r"#\s*(type|mypy):\s*ignore")
    folders = ("lib", "operators/for_mxnet", "operators/for_torch")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    silenced = [line for path in files for line in path.read_text(encoding="utf-8").splitlines() if off.search(line)]
    assert len(silenced) <= 8, "mend types instead"
    assert all(re.search(r"# type: ignore\[[\w-]+\]  # \w", line) for line in silenced), "say why"
