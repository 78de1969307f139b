# SPDX-License-Identifier: Apache-2.0
"""What the GPU's script has on a bare machine: the files of the repository and those that its pack says are carried."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CARRIED = re.search(r"^echo \"carry: .*\$\(echo (.*)\)\"$", (ROOT / "scripts/on_gpu_pack.sh").read_text(), re.M)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """A copy with everything that git knows and nothing that was built."""
    place = tmp_path_factory.mktemp("bare")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: which files are carried without being built is not known")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("docs/", "notebooks/")):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def rehearse(bare: Path, out: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "REHEARSE": "1", "PYTHON": sys.executable, "PYTHONPATH": ""}
    return subprocess.run(["bash", "scripts/on_gpu.sh", str(out), "smallest"], cwd=bare, env=environment, text=True,
                          capture_output=True)  # fmt: skip


def test_what_is_carried_is_all_that_the_operators_need_and_what_is_missing_is_told_first(bare, tmp_path):
    done = rehearse(bare, tmp_path / "without")
    assert done.returncode == 1 and "on_gpu: that must be there first" in done.stderr
    assert not (tmp_path / "without/parts.txt").exists()
    found = [path for pattern in CARRIED[1].split() for path in ROOT.glob(pattern)]
    assert found
    for path in found:
        shutil.copy2(path, bare / path.relative_to(ROOT))
    done = rehearse(bare, tmp_path / "with")
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "with/smallest.log").read_text()
    assert (tmp_path / "with/parts.txt").read_text().startswith("smallest status 0 "), log
    assert re.search(r"^[1-9]\d* checks, 0 failed$", log, re.M)
